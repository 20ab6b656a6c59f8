"""Text that comes in pieces, as whole lines."""

from __future__ import annotations

MAX_LINE = 8192


class Lines:
    """Collects pieces of text and gives back complete lines.

    A carriage return begins the line anew, as a terminal shows it, so that a progress bar leaves
    its last state. A line longer than 8192 characters is given out in parts.
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> str:
        """Take a piece; return the lines completed by it, each with its newline, or ``""``."""
        *complete, rest = (self._rest + text).split("\n")
        lines = [part for line in complete for part in _parts(_shown(line))]
        rest = rest.rpartition("\r")[2] if not rest.endswith("\r") else rest
        *full, self._rest = _parts(rest)
        return "".join(f"{line}\n" for line in [*lines, *full])

    def rest(self) -> str:
        """Return the line that has not ended, as a line, and forget it."""
        rest, self._rest = _shown(self._rest), ""
        return f"{rest}\n" if rest else ""


def _shown(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def _parts(line: str) -> list[str]:
    return [line[at : at + MAX_LINE] for at in range(0, len(line) or 1, MAX_LINE)]
