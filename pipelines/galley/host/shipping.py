"""What an attempt tells the service while it runs: log, progress, use and executed notebooks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from galley.domain.usage import Used

MAX_CHUNK = 2**20


class LogShipper:
    """Reads a growing log in pieces; a piece counts as shipped once it is confirmed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.offset = 0

    @property
    def waiting(self) -> bool:
        """Whether there is text that was not shipped yet."""
        return self._path.exists() and self._path.stat().st_size > self.offset

    def next(self) -> str:
        """Return the text after :attr:`offset`, 1 MiB at most, whole lines where possible."""
        if not self._path.exists():
            return ""
        with self._path.open("rb") as file:
            file.seek(self.offset)
            chunk = file.read(MAX_CHUNK)
        end = chunk.rfind(b"\n") + 1
        return _whole_characters(chunk[:end] if end else chunk)

    def shipped(self, text: str) -> None:
        """Confirm that ``text``, as :meth:`next` gave it, has arrived."""
        self.offset += len(text.encode())


def _whole_characters(chunk: bytes) -> str:
    for cut in range(4):
        try:
            return chunk[: len(chunk) - cut].decode()
        except UnicodeDecodeError:
            continue
    return chunk.decode(errors="replace")


class UsageShipper:
    """Reads what tasks use in pieces; points count as shipped once they are confirmed."""

    def __init__(self, path: Path) -> None:
        self._lines = LogShipper(path)

    @property
    def waiting(self) -> bool:
        """Whether there are points that were not shipped yet."""
        return self._lines.waiting

    def next(self) -> tuple[str, tuple[Used, ...]]:
        """Return the text that :meth:`shipped` confirms, whole lines, and its points."""
        whole = self._lines.next()
        text = whole[: whole.rfind("\n") + 1]
        return text, tuple(Used.model_validate_json(line) for line in text.splitlines())

    def shipped(self, text: str) -> None:
        """Confirm that the points of ``text`` have arrived."""
        self._lines.shipped(text)


class NotebookShipper:
    """Uploads executed notebooks when they changed.

    Args:
        upload: takes task name and content.
    """

    def __init__(self, folder: Path, upload: Callable[[str, bytes], None]) -> None:
        self._folder = folder
        self._upload = upload
        self._sent: dict[str, tuple[int, int]] = {}

    def ship(self) -> None:
        """Upload what changed; a notebook that is being written at this moment waits."""
        for path in sorted(self._folder.glob("*.ipynb")):
            if not path.exists():  # of a try that has not written it yet
                continue
            status = path.stat()
            mark = (status.st_mtime_ns, status.st_size)
            if self._sent.get(path.stem) == mark:
                continue
            content = path.read_bytes()
            if _complete(content):
                self._upload(path.stem, content)
                self._sent[path.stem] = mark


def _complete(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True
