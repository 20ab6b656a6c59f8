"""Which interpreter a kernel spec starts, where a fork of it would be the same kernel."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

from jupyter_client.kernelspec import KernelSpec

from galley.run.zygotes import NoZygote

_OURS = {"python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info[:2])}
"""By these names jupyter_client starts the interpreter that runs here."""
_FREE = "-Xfrozen_modules=off"
"""Option of the interpreter for debuggers only; it changes nothing in a kernel that has none."""
_LAUNCHER = ["-m", "ipykernel_launcher"]
_PROVISIONER = "kernel_provisioner"


def interpreter(command: Sequence[str]) -> tuple[Path, list[str]]:
    """Return the interpreter of ipykernel's command line, and the arguments of the kernel.

    Raises:
        NoZygote: it is another program's, or the interpreter has options of its own.
    """
    rest = [word for word in command[1:] if word != _FREE]
    if rest[:2] != _LAUNCHER:
        raise NoZygote(f"only ipykernel can be forked, and the kernel is {' '.join(command)!r}")
    found = sys.executable if command[0] in _OURS else shutil.which(command[0])
    if found is None:
        raise NoZygote(f"there is no interpreter {command[0]}")
    return Path(found), rest[2:]


def batch_interpreter(spec: KernelSpec) -> Path:
    """Return the interpreter whose fork can execute a batch in place of a spec's kernel.

    Raises:
        NoZygote: none can; the message says why.
    """
    if own_provisioner(spec):
        raise NoZygote(f"the kernel {spec.display_name!r} has a provisioner of its own")
    python, arguments = interpreter(spec.argv)
    if arguments != ["-f", "{connection_file}"]:
        raise NoZygote(f"the kernel {spec.display_name!r} has arguments of its own: {arguments}")
    if str(python) != sys.executable and not _has_our_ipykernel(python):
        # The batch kernel stands on what ipykernel keeps to itself, which other versions change.
        raise NoZygote(f"{python} has not ipykernel {version('ipykernel')} as Galley has")
    return python


def own_provisioner(spec: KernelSpec) -> bool:
    """Whether a spec says itself how its kernels are started."""
    return _PROVISIONER in spec.metadata


def forked_by(spec: KernelSpec, provisioner: str, **config: Any) -> KernelSpec:
    """Return a spec whose kernels a provisioner, so configured, starts."""
    spec.metadata[_PROVISIONER] = {"provisioner_name": provisioner, "config": config}
    return spec


def environment(spec: KernelSpec, given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a spec's kernel, as jupyter_client makes it."""
    named = {name: Template(value).safe_substitute(given) for name, value in spec.env.items()}
    return {name: value for name, value in given.items() if name != "PYTHONEXECUTABLE"} | named


def _has_our_ipykernel(python: Path) -> bool:
    """Whether the environment of an interpreter has it, as venv, uv and conda lay one out."""
    name = f"ipykernel-{version('ipykernel')}.dist-info"
    return any(python.parent.parent.glob(f"lib/python3.*/site-packages/{name}"))
