"""A file of an outbox on its way to MLflow: a plain one of a bounded size, piece by piece.

A task can write there: what is sent as a kept notebook may be anything that the task has put in its
place, also while it is sent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import BinaryIO

from galley.inside.outbox import spool, within
from galley.tracking.client import TrackedRun, TrackingClient

FILES = "files"
MAX_FILE = 2**30
"""Bytes of one file that are sent; a larger one is left out."""
_PIECE = 2**20


class Unfit(OSError):
    """A file is not sent for what it is."""


def send(client: TrackingClient, run: TrackedRun, log: Path, file: str, name: str) -> None:
    """Store a file with a run.

    Args:
        log: folder of the log that names it.
        file: its name below ``files``.
        name: of the artifact.

    Raises:
        Unfit, Refused, OSError: it cannot be sent, now or later; the message says why.
        TrackingUnavailable: MLflow does not answer, or refuses it.
    """
    if not spool.NAME.fullmatch(file) or not spool.NAME.fullmatch(name):
        raise Unfit("it has no proper name")
    path = PurePath(log.name, FILES, file)
    with os.fdopen(within.opened(log.parent, path), "rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        if size > MAX_FILE:
            raise Unfit(f"it has {size} bytes, and {MAX_FILE // 2**20} MiB of a file are sent")
        client.upload(run, name, _pieces(opened, size), size)


def _pieces(opened: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield as much of a file as was promised, and no more if it has grown since."""
    while size > 0:
        piece = opened.read(min(size, _PIECE))
        if not piece:
            raise Unfit("it became shorter while it was sent")
        size -= len(piece)
        yield piece
