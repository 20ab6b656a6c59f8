"""Writing a run's notebook into a folder to debug it, and saying what differs here."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath
from typing import Any

from galley.domain.debug import DebugKit, DebugPlan, PackageDifference, Unreadable
from galley.domain.packages import personal_cache
from galley.errors import Conflict, InvalidInput

FOLDER = "debug"
KERNEL = "python3"
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_LAUNCHER = Path(__file__).with_name("debug_kernel.py")
"""Starts the kernel of a locked environment, which has no galley of its own."""


class Workbench:
    """Where runs are debugged: a folder of a person's.

    Args:
        root: paths are told relative to it, such as a home folder.
        environment: of this process.
        kernels: folder of the person's kernel specs; None: no kernel is added.
        installed: name → version of what is installed here.
    """

    def __init__(
        self,
        root: Path,
        environment: Mapping[str, str],
        *,
        kernels: Path | None = None,
        installed: Callable[[], dict[str, str]] | None = None,
    ) -> None:
        self._root = root
        self._datasets = environment.get("GALLEY_DATASETS", "/datasets")
        given = environment.get("GALLEY_ENVIRONMENTS")
        self._environments = (
            *([] if given is None else [Path(given) / "made"]),
            personal_cache(environment) / "made",
        )
        self._kernels = kernels
        self._installed = installed or installed_here

    def plan(self, kit: DebugKit, folder: Path | None = None) -> DebugPlan:
        """Return what writing the kit would mean; nothing is written."""
        target = folder or self._root / FOLDER / _name(kit)
        python = self._python(kit)
        same = python is not None or not (found := differences(kit, self._installed()))
        return DebugPlan(
            folder=self._shown(target),
            notebook=self._shown(target / f"{kit.pipeline}-v{kit.version}.ipynb"),
            exists=target.exists(),
            written=False,
            failed=kit.failed,
            error=kit.error,
            kernel=_kernel(kit) if python is not None and self._kernels else KERNEL,
            same_environment=same,
            differences=() if same else found,
            unreadable=self._unreadable(kit),
            missing=kit.missing,
            can_make=not same and kit.lock.digest is not None and kit.lock.python == _python_here(),
        )

    def write(
        self, kit: DebugKit, folder: Path | None = None, *, replace: bool = False
    ) -> DebugPlan:
        """Write notebook, modules and lock; return what it means.

        Args:
            replace: write over these files where they are there; others beside them stay.

        Raises:
            Conflict: the folder is there and ``replace`` was not said.
            InvalidInput: a module's path leads out of the folder.
        """
        plan = self.plan(kit, folder)
        target = folder or self._root / FOLDER / _name(kit)
        if target.exists() and not replace:
            raise Conflict(
                f"{plan.folder!r} is there already, with what was done in it: open it, or say that "
                "it may be replaced."
            )
        files = _files(kit, target, self._with_kernel(kit, plan.kernel))
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        self._add_kernel(kit, plan.kernel)
        return plan.model_copy(update={"written": True})

    def use_environment(self, kit: DebugKit, folder: Path | None = None) -> DebugPlan:
        """Have the run's environment, which was made now, be the kernel of what was written.

        What a person did in that notebook stays as it is.
        """
        plan = self.plan(kit, folder)
        self._add_kernel(kit, plan.kernel)
        path = self._root / plan.notebook
        if path.exists() and plan.kernel != KERNEL:
            kernel = self._with_kernel(kit, plan.kernel)["metadata"]["kernelspec"]
            try:
                notebook = json.loads(path.read_text(encoding="utf-8"))
                notebook["metadata"]["kernelspec"] = kernel
            except (ValueError, KeyError, TypeError):
                return plan  # it is no notebook any more
            path.write_text(
                json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
            )
        return plan

    def _shown(self, path: Path) -> str:
        return (
            path.relative_to(self._root).as_posix()
            if path.is_relative_to(self._root)
            else str(path)
        )

    def _python(self, kit: DebugKit) -> Path | None:
        """Return the interpreter of the run's own environment where this identity has it.

        Without kernels of one's own there is none that would start it.
        """
        if kit.lock.digest is None or self._kernels is None:
            return None
        for place in self._environments:
            folder = place / kit.lock.digest
            if (python := folder / "bin" / "python").exists():
                return python
        return None

    def _with_kernel(self, kit: DebugKit, kernel: str) -> dict[str, Any]:
        metadata = dict(kit.notebook.get("metadata", {}))
        known = metadata.get("kernelspec") or {}
        if known.get("language", "python") == "python":
            shown = "Python 3" if kernel == KERNEL else _display(kit)
            metadata["kernelspec"] = {"name": kernel, "display_name": shown, "language": "python"}
        return {**kit.notebook, "metadata": metadata}

    def _add_kernel(self, kit: DebugKit, kernel: str) -> None:
        python = self._python(kit)
        if python is None or self._kernels is None or kernel == KERNEL:
            return
        with contextlib.suppress(OSError):  # that of a rehearsal cannot be written here
            (python.parents[1] / ".last-used").touch()
        folder = self._kernels / kernel
        folder.mkdir(parents=True, exist_ok=True)
        launcher = folder / _LAUNCHER.name
        launcher.write_text(_LAUNCHER.read_text(encoding="utf-8"), encoding="utf-8")
        spec = {
            "argv": [str(python), str(launcher), "-f", "{connection_file}"],
            "display_name": _display(kit),
            "language": "python",
            "env": {
                "VIRTUAL_ENV": str(python.parent.parent),
                "PATH": f"{python.parent}{os.pathsep}${{PATH}}",
            },
        }
        (folder / "kernel.json").write_text(json.dumps(spec, indent=1), encoding="utf-8")

    def _unreadable(self, kit: DebugKit) -> tuple[Unreadable, ...]:
        found = [
            Unreadable(path=one.path, why=f"the dataset {one.name!r} is not readable here")
            for one in kit.datasets
            if not os.access(self._here(one.path), os.R_OK)
        ]
        known = {one.path for one in found}
        for path in dict.fromkeys(one.path for one in kit.files if one.path):
            if any(path == dataset or path.startswith(f"{dataset}/") for dataset in known):
                continue
            if "://" in path or not path.startswith(("/", "~")):
                continue
            here = Path(self._here(path)).expanduser()
            if not here.exists():
                found.append(Unreadable(path=path, why="there is no such file here"))
            elif not os.access(here, os.R_OK):
                found.append(Unreadable(path=path, why="you may not read it"))
        return tuple(found)

    def _here(self, path: str) -> str:
        """Return where a path below ``/datasets`` lies on a machine without sandboxes."""
        return (
            path.replace("/datasets", self._datasets, 1) if path.startswith("/datasets") else path
        )


def differences(kit: DebugKit, installed: Mapping[str, str]) -> tuple[PackageDifference, ...]:
    """Return what the run had at another version than there is here, by name."""
    found = [
        PackageDifference(name=name, run=version, here=installed.get(name))
        for name, version in sorted(kit.lock.packages.items())
        if installed.get(name) != version
    ]
    here = _python_here()
    if kit.lock.python not in {None, here}:
        found.insert(0, PackageDifference(name="python", run=kit.lock.python or "", here=here))
    return tuple(found)


def _python_here() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def installed_here() -> dict[str, str]:
    """Return canonical name → version of the distributions of this environment."""
    return {
        one.name.lower().replace("_", "-").replace(".", "-"): one.version for one in distributions()
    }


def _name(kit: DebugKit) -> str:
    # A task is called what its run says: a name is a part of a path, and leads nowhere.
    return f"{kit.run}-{_NO_NAME.sub('-', kit.task)[:100]}" if kit.task else str(kit.run)


def _kernel(kit: DebugKit) -> str:
    return f"galley-{(kit.lock.digest or '')[:16]}"


def _display(kit: DebugKit) -> str:
    return f"{kit.pipeline} v{kit.version} (locked)"


def _files(kit: DebugKit, target: Path, notebook: dict[str, Any]) -> dict[Path, str]:
    files = {
        target / f"{kit.pipeline}-v{kit.version}.ipynb": json.dumps(
            notebook, indent=1, ensure_ascii=False
        )
        + "\n",
        target / "requirements.lock": kit.lock.text,
    }
    for path, source in kit.modules.items():
        relative = PurePosixPath(path)
        if relative.is_absolute() or ".." in relative.parts:
            raise InvalidInput(f"the module path {path!r} leads out of the folder")
        files[target / relative] = source
    return files
