"""Hands the secrets of a task to its kernel; see :mod:`galley.inside.secrets`."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from galley.domain.work import TaskSecrets
from galley.inside import secrets as inside

HANDED = "GALLEY_SECRETS_HANDED"
"""Under this name the runner's host hands the secrets on; it is no environment variable."""


@contextlib.contextmanager
def handed(secrets: TaskSecrets, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the environment of a kernel that gets these secrets.

    The values that the notebook wants in variables are in it; the others wait in a pipe for the
    kernel's start.
    """
    if not secrets.values:
        yield dict(environment)
        return
    with tempfile.TemporaryDirectory(prefix="galley-secrets-") as folder:
        given = environment.get("IPYTHONDIR")
        added = inside.prepare(Path(folder), None if given is None else Path(given))
        pipe = Path(added[inside.VARIABLE])
        content = json.dumps(secrets.values).encode()
        writer = threading.Thread(target=_write, args=(pipe, content), name="secrets", daemon=True)
        writer.start()
        try:
            yield {**environment, **secrets.environment, **added}
        finally:
            _let_go(pipe, writer)


def _write(pipe: Path, content: bytes) -> None:
    """Wait for the kernel, and give it the values."""
    with contextlib.suppress(BrokenPipeError, FileNotFoundError), pipe.open("wb") as stream:
        stream.write(content)


def _let_go(pipe: Path, writer: threading.Thread) -> None:
    """End the writer whose kernel never came."""
    while writer.is_alive():
        with contextlib.suppress(FileNotFoundError):
            os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
        writer.join(0.05)
