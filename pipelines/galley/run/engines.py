"""Forked kernels for papermill itself: its engines ``galley`` and ``galley-kernel``.

``galley`` is the batch engine: a fork executes the cells over one socket pair. ``galley-kernel`` is
an ordinary kernel with ZeroMQ sockets that was forked instead of started. The interpreter is the
one that the kernel's spec names. Where nothing can be forked (another language, no zygote),
papermill's own engine does it, and the log says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from galley.run import specs
from galley.run.imports import imported_modules, installs_packages
from galley.run.piped import PipedManager
from galley.run.sockets import KernelManager
from galley.run.variables import assigned
from galley.run.zygotes import NoZygote, own_zygotes

PROVISIONER = "galley-fork"
_A_MANAGERS: dict[str, Any] = {
    "config": None,
    "extra_arguments": [],
    "ipython_hist_file": ":memory:",
    "kernel_manager_class": None,
    "km": None,
}
"""Option of papermill's engine for the kernel's command line or its manager → what changes nothing.
A batch has neither."""


class _ForkedClient(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's client, whose kernel is a fork at the other end of a socket pair."""

    def create_kernel_manager(self) -> Any:
        self.km = PipedManager(self._fork)
        return self.km

    def _fork(self, pipe: int) -> Any:
        spec = KernelSpecManager().get_kernel_spec(self.kernel_name)
        with Path(os.devnull).open("wb") as nowhere:
            return own_zygotes().fork(
                python=specs.batch_interpreter(spec),
                env=specs.environment(spec, os.environ),
                cwd=Path(self.resources.get("metadata", {}).get("path") or Path.cwd()),
                kind="batch",
                files=(pipe, nowhere.fileno(), nowhere.fileno()),
                preload=imported_modules(self.nb.cells),
                bare=installs_packages(self.nb.cells),
                assigned=assigned(self.nb.cells),
                isolate=False,
            )

    async def _async_poll_kernel_alive(self) -> None:
        """Leave it to the pair, whose end tells at once; nbclient's own look, a second later, fails
        where the client has been closed, and asyncio writes that to standard error.
        """

    def _cleanup_kernel(self) -> None:
        process = self.km.process
        super()._cleanup_kernel()
        if process is not None:
            process.end(5.0)


class BatchEngine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine with a forked kernel; the options are papermill's."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, **options: Any
    ) -> NotebookNode:
        """Execute the notebook; ``say`` is told why a plain kernel was started, else the log."""
        say = options.pop("say", _warn)
        try:
            _refuse_a_managers(options)
            client = _ForkedClient(nb_man, **_client_options(kernel_name, options))
            return NotebookNode(client.execute())
        except NoZygote as error:
            say(str(error))
        return NotebookNode(super().execute_managed_notebook(nb_man, kernel_name, **options))


class KernelEngine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine with a kernel from :class:`galley.run.provisioner.ForkProvisioner`."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, **options: Any
    ) -> NotebookNode:
        """Execute the notebook; ``say`` is told why a plain kernel was started, else the log."""
        say = options.pop("say", _warn)
        if options.get("km") is not None:
            say("km, the manager that was given, starts the kernel")
            return NotebookNode(super().execute_managed_notebook(nb_man, kernel_name, **options))
        made = {"kernel_manager_class": KernelManager, **_client_options(kernel_name, options)}
        client = PapermillNotebookClient(nb_man, **made)
        client.create_kernel_manager().kernel_spec_manager = _Forking(say, nb_man.nb.cells)
        return NotebookNode(client.execute())


class _Forking(KernelSpecManager):
    """Gives Python kernels to the provisioner that forks."""

    def __init__(self, say: Callable[[str], None], cells: list[Any]) -> None:
        super().__init__()
        self._say = say
        self._ahead = {"bare": installs_packages(cells), "assigned": sorted(assigned(cells))}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the spec; that of another language, or with a provisioner, is left as it is."""
        spec = super().get_kernel_spec(kernel_name)
        if spec.language != "python" or specs.own_provisioner(spec):
            self._say(f"the kernel {kernel_name!r} is not Python's, or has its own provisioner")
            return spec
        return specs.forked_by(spec, PROVISIONER, say=self._say, **self._ahead)


def _warn(why: str) -> None:
    logger.warning("%s; a plain kernel is started", why)


def _refuse_a_managers(options: dict[str, Any]) -> None:
    given = [name for name, none in _A_MANAGERS.items() if options.get(name, none) != none]
    if given:
        raise NoZygote(f"a fork at a socket pair cannot have {', '.join(given)}")


def _client_options(kernel_name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the client's options as papermill's engine makes them from its own."""
    named = ["timeout", "startup_timeout", "input_path", "execution_timeout", "start_timeout"]
    timeout = options.get("execution_timeout")
    started = options.get("start_timeout", 60)
    merged: dict[str, Any] = merge_kwargs(
        remove_args(named, **options),
        timeout=timeout or options.get("timeout"),
        startup_timeout=started,
        kernel_name=kernel_name,
        log=logger,
    )
    return merged
