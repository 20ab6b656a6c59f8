"""Files in a zygote's folder with names of modules or variables; several processes use them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path


def read_names(file: Path) -> set[str]:
    """Return the names; none where there is no file yet, or the machine went down meanwhile."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return {*json.loads(file.read_text())}
    return set()


def write_names(file: Path, names: Iterable[str]) -> None:
    """Write the file at once: another process may be about to read it.

    Raises:
        OSError: there is no room.
    """
    whole = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        whole.write_text(json.dumps(sorted(names)))
        whole.replace(file)
    finally:
        whole.unlink(missing_ok=True)
