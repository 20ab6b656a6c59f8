"""How answers are printed: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

LEAST_WIDTH = 160
"""Columns of a table that is not cut; a narrower terminal wraps its lines."""
PIPED_WIDTH = 100_000
"""What reads a pipe wants all of it."""

_GLYPHS = {
    "succeeded": "✓",
    "done": "✓",
    "approved": "✓",
    "failed": "✗",
    "rejected": "✗",
    "timed_out": "✗",
    "running": "▶",
    "rehearsing": "▶",
    "launching": "▶",
    "analysing": "▶",
    "queued": "…",
    "in_review": "?",
    "cancelled": "■",
    "withdrawn": "■",
    "skipped": "–",
    "missed": "!",
    "paused": "‖",
    "upcoming": "○",
    "removed": "∅",
}


class Output:
    """Prints models.

    Args:
        as_json: print JSON instead of tables and sentences.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._console = Console(highlight=False)
        least = LEAST_WIDTH if self._console.is_terminal else PIPED_WIDTH
        self._console.width = max(self._console.width, least)

    def model(self, model: BaseModel, sentence: str) -> None:
        """Print one thing: its JSON, or a sentence."""
        if self.as_json:
            click.echo(model.model_dump_json(indent=2))
        else:
            click.echo(sentence)

    def models(
        self,
        models: Sequence[BaseModel],
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        empty: str,
    ) -> None:
        """Print a list: a JSON array, or a table, or what to do while it is empty."""
        if self.as_json:
            click.echo(json.dumps([model.model_dump(mode="json") for model in models], indent=2))
        elif not models:
            click.echo(empty)
        else:
            table = Table(box=None, pad_edge=False, header_style="bold")
            for column in columns:
                table.add_column(column, no_wrap=True)  # an id is there to be copied
            for row in rows:
                table.add_row(*(cell if isinstance(cell, str) else str(cell) for cell in row))
            self._console.print(table)

    def value(self, value: Any, sentence: str) -> None:
        """Print a plain value as JSON, or a sentence."""
        click.echo(json.dumps(value, indent=2) if self.as_json else sentence)

    def say(self, sentence: str) -> None:
        """Print a sentence for people only."""
        if not self.as_json:
            click.echo(sentence)


def state(value: str) -> str:
    """Return a state with its sign, in words."""
    return f"{_GLYPHS.get(value, '·')} {value.replace('_', ' ')}"


def moment(at: datetime | None) -> str:
    """Return an instant in the reader's zone; relative when it is recent."""
    if at is None:
        return "–"
    seconds = (datetime.now(UTC) - at).total_seconds()
    if 0 <= seconds < 60:
        return "just now"
    if 0 <= seconds < 3600:
        return f"{seconds // 60:.0f} min ago"
    return at.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def duration(seconds: float) -> str:
    """Return a duration as ``1 h 2 min``, ``1 min 12 s`` or ``9.4 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def facts(values: Mapping[str, Any]) -> str:
    """Return names with their values on one line, without those that say nothing."""
    return ", ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in values.items()
        if value not in (None, "", [], {})
    )
