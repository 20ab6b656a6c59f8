"""The outputs of two runs' cells beside each other, as a page for a sandboxed frame.

Outputs are user content: the page is sent with the policy of executed notebooks, under which
nothing in it runs and nothing is loaded from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from galley.service.rendering import Theme
from galley.service.run_comparing import Outputs, show_the_same, shown_by

_TERMINAL = re.compile(r"\x1b\[[0-9;]*m")
_IMAGES = ("image/png", "image/jpeg", "image/gif")
MOST_TEXT = 20_000
"""Characters of one textual output that are shown."""

_COLOURS = {
    Theme.LIGHT: ":root{--text:#212121;--page:#fff;--line:#e0e0e0;--muted:#616161}",
    Theme.DARK: ":root{--text:#e0e0e0;--page:#111;--line:#424242;--muted:#bdbdbd}",
}
_STYLE = """
body { margin: 0; font: 13px/1.45 system-ui, sans-serif; }
body { color: var(--text); background: var(--page); }
section { border-bottom: 1px solid var(--line); padding: 10px 12px; }
h2 { margin: 0 0 6px; font-size: 13px; }
h2 small { font-weight: normal; color: var(--muted); margin-left: 8px; }
.sides { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; }
.side { overflow: auto; max-height: 560px; }
.side > p { margin: 0 0 4px; color: var(--muted); }
img { max-width: 100%; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-size: 12px; }
td, th { padding: 2px 8px; border: 1px solid var(--line); text-align: right; }
.none { color: var(--muted); font-style: italic; }
@media (max-width: 560px) { .sides { grid-template-columns: minmax(0, 1fr); } }
"""


def page(
    left: Outputs, right: Outputs, names: tuple[str, str], theme: Theme = Theme.LIGHT
) -> bytes:
    """Return the page; ``names`` say which run is which."""
    rows = []
    for index in sorted({*left.cells, *right.cells}):
        pair = [shown_by(side.cells, index) for side in (left, right)]
        if any(pair):
            task = (right.cells.get(index) or left.cells[index]).task
            rows.append(_row(index, task, pair, names))
    body = "".join(rows) or "<section class=none>No cell of either run has an output.</section>"
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Outputs side by side</title>"
        f"<style>{_COLOURS[theme]}{_STYLE}</style>{body}</html>"
    ).encode()


def _row(
    index: int, task: str, pair: Sequence[list[dict[str, Any]]], names: tuple[str, str]
) -> str:
    same = "equal" if show_the_same(*pair) else "different"
    sides = "".join(
        f"<div class=side><p>{escape(name)}</p>{_all(outputs)}</div>"
        for name, outputs in zip(names, pair, strict=True)
    )
    return (
        f"<section id=cell-{index}><h2>Cell {index + 1}<small>{escape(task)} · {same}</small></h2>"
        f"<div class=sides>{sides}</div></section>"
    )


def _all(outputs: Sequence[dict[str, Any]]) -> str:
    return "".join(map(_shown, outputs)) or "<p class=none>no output</p>"


def _shown(output: dict[str, Any]) -> str:
    kind = output.get("output_type")
    if kind == "stream":
        return _pre(output.get("text"))
    if kind == "error":
        return _pre(f"{output.get('ename', '')}: {output.get('evalue', '')}")
    data = output.get("data")
    data = data if isinstance(data, dict) else {}
    for image in _IMAGES:
        if image in data:
            return f'<img alt="figure" src="data:{image};base64,{escape(_text(data[image]))}">'
    if "text/html" in data:
        return _text(data["text/html"])
    return _pre(data.get("text/plain", ""))


def _pre(value: Any) -> str:
    text = _TERMINAL.sub("", _text(value))
    cut = "\n…" if len(text) > MOST_TEXT else ""
    return f"<pre>{escape(text[:MOST_TEXT])}{cut}</pre>"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""
