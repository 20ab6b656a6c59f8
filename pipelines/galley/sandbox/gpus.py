"""The machine's GPUs, found through their device files."""

from __future__ import annotations

import re
from pathlib import Path

_ONE = re.compile(r"nvidia\d+")


def count(dev: Path = Path("/dev")) -> int:
    """Return the number of NVIDIA GPUs."""
    return sum(1 for path in dev.glob("nvidia*") if _ONE.fullmatch(path.name))


def devices(dev: Path = Path("/dev")) -> list[str]:
    """Return the device files that a GPU program needs."""
    return sorted(str(path) for path in dev.glob("nvidia*"))
