"""The end of a log, for a message to people."""

from __future__ import annotations

from pathlib import Path


def last_lines(path: Path, number: int, *, limit: int = 4096) -> str:
    """Return the last non-empty lines of a file, joined by " / "; "(nothing)" when empty."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - limit))
        text = file.read().decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-number:]) or "(nothing)"
