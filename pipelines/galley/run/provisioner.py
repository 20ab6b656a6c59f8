"""A kernel provisioner that forks: any Jupyter client starts kernels that have their imports ready.

Name it in a kernel spec's metadata: ``"kernel_provisioner": {"provisioner_name": "galley-fork"}``.
A forked kernel has no debugger. Where nothing can be forked, the kernel is started as ever.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Bool, Callable, List, Unicode

from galley.run import specs
from galley.run.zygotes import NoZygote, own_zygotes


class ForkProvisioner(LocalProvisioner):
    """Forks the kernel from a zygote of its interpreter."""

    preload = List(
        Unicode(), help="Modules to have ready, such as ['pandas', 'sklearn'].", config=True
    )
    bare = Bool(
        default_value=False,
        help="Whether nothing may be imported yet, for notebooks that install packages.",
        config=True,
    )
    assigned = List(Unicode(), help="Variables that the notebook may set.", config=True)
    say: Any = Callable(None, allow_none=True, help="Is told why nothing was forked, else the log.")

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Fork a kernel that serves the connection file in ``cmd``; returns its connection."""
        environment = {**kwargs.get("env", os.environ)}
        try:
            python, arguments = specs.interpreter(cmd)
            with Path(os.devnull).open("r+b") as nowhere:
                forked = own_zygotes().fork(
                    python=python,
                    env=environment,
                    cwd=Path(kwargs.get("cwd") or Path.cwd()),
                    kind="kernel",
                    files=(nowhere.fileno(), _file(kwargs, "stdout"), _file(kwargs, "stderr")),
                    argv=arguments,
                    preload=self.preload,
                    bare=self.bare,
                    assigned=self.assigned,
                    isolate=False,
                )
        except NoZygote as error:
            if self.say is None:
                self.log.warning("%s; a plain kernel is started", error)
            else:
                self.say(str(error))
            return await super().launch_kernel(cmd, **kwargs)
        self.process: Any = forked
        self.pid = self.pgid = forked.pid
        return self.connection_info


def _file(options: dict[str, Any], name: str) -> int:
    stream: Any = options.get(name)
    return int(stream.fileno()) if hasattr(stream, "fileno") else {"stdout": 1, "stderr": 2}[name]
