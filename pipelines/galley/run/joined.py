"""Values of secrets that stand in several outputs, one part in each.

Where a notebook prints to stderr between the halves of a value, the halves are two outputs on
stdout, each of them harmless; who reads the notebook, or the log, sees them together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from galley.inside.outbox.redact import Span, Values


def clean_streams(values: Values, outputs: list[Any]) -> None:
    """Change those of the outputs, of whatever types, that hold a part of a value.

    The mark stands in the output in which the value begins; no output is taken away.
    """
    streams: dict[str, list[dict[str, Any]]] = {}
    for output in outputs:
        if _is_stream(output):
            streams.setdefault(str(output.get("name")), []).append(output)
    for stream in streams.values():
        if len(stream) > 1:
            _clean(values, stream)


def lists_in(value: Any) -> Iterator[list[Any]]:
    """Yield all lists in JSON: what output widgets show is somewhere in their state."""
    if isinstance(value, list):
        yield value
    for one in value.values() if isinstance(value, dict) else value:
        if isinstance(one, dict | list):
            yield from lists_in(one)


def _is_stream(output: Any) -> bool:
    """Return whether this is what a notebook printed; in a widget's state, it can be anything."""
    if not isinstance(output, dict) or output.get("output_type") != "stream":
        return False
    text = output.get("text")
    return isinstance(text, str) or (
        isinstance(text, list) and all(isinstance(one, str) for one in text)
    )


def _clean(values: Values, stream: list[dict[str, Any]]) -> None:
    texts = ["".join(output["text"]) for output in stream]
    found = values.spans("".join(texts))
    for output, text, clean in zip(stream, texts, _parts(values, texts, found), strict=True):
        if clean != text:
            in_lines = isinstance(output["text"], list)
            output["text"] = clean.splitlines(keepends=True) if in_lines else clean


def _parts(values: Values, texts: list[str], found: list[Span]) -> Iterator[str]:
    """Yield the texts without the values that were found in them joined."""
    left, start, past = deque(found), 0, 0
    for text in texts:
        end, here = start + len(text), list[Span]()
        first = min(max(start, past), end)
        while left and left[0].start < end:
            name, past = left[0].name, left[0].end
            here.append(Span(left.popleft().start - first, min(past, end) - first, name))
        yield values.marked(text[first - start :], here)
        start = end
