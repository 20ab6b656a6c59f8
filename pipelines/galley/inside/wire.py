"""Messages between a forked kernel and whoever executes its notebook: frames on a socket pair.

A frame is a header, one JSON text and any number of binary buffers. Both ends trust each other no
more than a Jupyter client trusts its kernel: what comes in is data, never code.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

_HEAD = struct.Struct("!QI")
_SIZE = struct.Struct("!Q")
MAX_FRAME = 512 * 2**20
"""Bytes of one frame: whoever reads it has all of it in memory."""
MAX_BUFFERS = 2**16


class TooLarge(ValueError):
    """A frame that is not taken; the message says how large it would be."""


def frame(text: bytes, buffers: Sequence[Any] = ()) -> bytes:
    """Return one frame: ``text`` is the JSON, ``buffers`` are what it refers to.

    Raises:
        TooLarge: it has more than 512 MiB.
    """
    raw = [memoryview(one).cast("B") for one in buffers]
    _check(len(text) + sum(one.nbytes for one in raw), len(raw))
    sizes = b"".join(_SIZE.pack(one.nbytes) for one in raw)
    return b"".join((_HEAD.pack(len(text), len(raw)), sizes, text, *raw))


class Frames:
    """Takes bytes as they come and gives whole frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
        """Add bytes; yield (JSON text, buffers) of each frame that is complete now.

        Raises:
            TooLarge: one that has begun would be larger than any may be.
        """
        self._bytes += data
        while (found := self._next()) is not None:
            yield found

    def _next(self) -> tuple[bytes, list[bytes]] | None:
        if len(self._bytes) < _HEAD.size:
            return None
        length, count = _HEAD.unpack_from(self._bytes)
        _check(length, count)
        start = _HEAD.size + count * _SIZE.size
        if len(self._bytes) < start:
            return None
        sizes = [
            _SIZE.unpack_from(self._bytes, _HEAD.size + n * _SIZE.size)[0] for n in range(count)
        ]
        _check(length + sum(sizes), count)
        if len(self._bytes) < start + length + sum(sizes):
            return None
        parts = []
        for size in (length, *sizes):
            parts.append(bytes(self._bytes[start : start + size]))
            start += size
        del self._bytes[:start]
        return parts[0], parts[1:]


def _check(size: int, buffers: int) -> None:
    if size > MAX_FRAME:
        raise TooLarge(
            f"an output of {size / 2**20:.0f} MiB is too large: {MAX_FRAME // 2**20} MiB at most"
        )
    if buffers > MAX_BUFFERS:
        raise TooLarge(f"an output of {buffers} parts is too large: {MAX_BUFFERS} parts at most")
