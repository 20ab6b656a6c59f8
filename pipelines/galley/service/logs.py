"""Logs of attempts: segment files named by the offset at which they begin.

A host repeats a heartbeat whose answer was lost; what is there already is not appended again. A
hole (the log was restored from a backup) stays a hole, and offsets go on meaning the same bytes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

SEGMENT = 4 * 2**20
"""Size at which a new segment is begun, bytes."""

PIECE = 64 * 2**10
MAX_LOG = 128 * 2**20
"""Bytes of one attempt's log that are kept."""


class Logs:
    """The logs under one folder, a folder for each attempt."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def append(self, attempt: UUID, offset: int, text: str) -> int:
        """Keep ``text``, which begins at byte ``offset`` of the attempt's log.

        Returns:
            The size of the kept log, bytes.
        """
        folder = self._root / str(attempt)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(folder):
            size = self.size(attempt)
            data = text.encode("utf-8", "replace")[max(0, size - offset) :]
            offset = max(offset, size)
            data = data[: max(0, MAX_LOG - offset)]
            if not data:
                return size
            with _segment(folder, offset).open("ab") as file:
                file.write(data)
            return offset + len(data)

    def size(self, attempt: UUID) -> int:
        """Return the size of the kept log, bytes; 0 when there is none."""
        segments = _segments(self._root / str(attempt))
        if not segments:
            return 0
        start, path = segments[-1]
        return start + path.stat().st_size

    def remove(self, attempt: UUID) -> None:
        """Forget the log of an attempt; nothing happens where there is none."""
        shutil.rmtree(self._root / str(attempt), ignore_errors=True)

    def pieces(self, attempt: UUID) -> Iterator[bytes]:
        """Yield the kept log as it is now, at most 64 KiB at a time."""
        left = self.size(attempt)
        for _, path in _segments(self._root / str(attempt)):
            with path.open("rb") as file:
                while left > 0 and (piece := file.read(min(PIECE, left))):
                    left -= len(piece)
                    yield piece

    def read(self, attempt: UUID, offset: int, limit: int) -> tuple[str, int, int, int]:
        """Return the text from ``offset``, where it begins and ends, and the log's size.

        At most ``limit`` bytes; never half a character, unless the log itself ends with one. It
        begins later than asked for where the log has a hole.
        """
        size = self.size(attempt)
        data = bytearray()
        position = offset
        for start, path in _segments(self._root / str(attempt)):
            end = start + path.stat().st_size
            if end <= position or len(data) >= limit:
                continue
            if start > position and not data:
                position = offset = start
            if start > position:
                break
            with path.open("rb") as file:
                file.seek(position - start)
                data += file.read(limit - len(data))
            position = offset + len(data)
        whole = _whole_characters(bytes(data)) if position < size else bytes(data)
        return whole.decode("utf-8", "replace"), offset, offset + len(whole), size


def _whole_characters(data: bytes) -> bytes:
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0b1100_0000 == 0b1000_0000:
            continue
        needed = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        return data if needed <= back else data[:-back] or data
    return data


def _segments(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    return sorted((int(path.stem), path) for path in folder.glob("*.log"))


def _segment(folder: Path, offset: int) -> Path:
    segments = _segments(folder)
    if segments:
        start, path = segments[-1]
        if start + path.stat().st_size == offset and offset - start < SEGMENT:
            return path
    return folder / f"{offset:020d}.log"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
