"""A project in a folder of its author's: written whole or not at all, and written again.

What `ploomber build` made there stays, so that it skips the tasks that did not change.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from galley.errors import InvalidInput
from galley.project import archive
from galley.project.build import HANDOVER


class Target:
    """The folder that a project goes to.

    Args:
        force: write even if it holds something that is no project of ours.

    Raises:
        InvalidInput: it is a file, or holds something else; nothing is changed.
    """

    def __init__(self, folder: Path, *, force: bool = False) -> None:
        if folder.exists() and not folder.is_dir():
            raise InvalidInput(f"{folder} is a file, not a folder.", field="output")
        self.folder = folder
        self._before = _made_before(folder)
        if not force and self._before is None and folder.is_dir() and any(folder.iterdir()):
            raise InvalidInput(
                f"{folder} is not empty and no project that Galley built: name a new or an empty "
                "folder, or add --force to write into it.",
                field="output",
            )

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write the project; files of an earlier one that it has no more are removed.

        Raises:
            InvalidInput: a path leads outside, or the folder cannot be written.
        """
        try:
            self._write(files)
        except OSError as error:
            raise InvalidInput(
                f"{self.folder} cannot be written: {error.strerror or error}.", field="output"
            ) from error

    def _write(self, files: Mapping[str, bytes]) -> None:
        parent = self.folder.absolute().parent
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".galley-build-", dir=parent) as temporary:
            staged = Path(temporary) / "project"
            archive.write(files, staged)
            if not self.folder.exists():
                staged.rename(self.folder)
                return
            for path in files:
                target = self.folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                if not _same(target, files[path]):
                    (staged / path).replace(target)
        for stale in self._stale(files):
            stale.unlink()

    def _stale(self, files: Mapping[str, bytes]) -> list[Path]:
        """Return files of the earlier project that the new one has not."""
        if self._before is None:
            return []
        names = [task.get("name") for task in self._before.get("tasks", ())]
        paths = [f"tasks/{name}.ipynb" for name in names] + ["proof.json"]
        found = [self.folder / path for path in paths if path not in files]
        head = HANDOVER.read_bytes().partition(b"\n")[0]
        found += [
            path
            for path in self.folder.glob("handover*.py")
            if path.name not in files and path.read_bytes().partition(b"\n")[0] == head
        ]
        return [path for path in found if path.is_file()]


def _made_before(folder: Path) -> dict[str, Any] | None:
    """Return what ``galley.yaml`` in a folder says; None where there is none of ours."""
    try:
        said = yaml.safe_load((folder / "galley.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    ours = isinstance(said, dict) and "format" in said and isinstance(said.get("tasks"), list)
    return said if ours and all(isinstance(task, dict) for task in said["tasks"]) else None


def _same(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content
