"""The text that outputs and metadata show, and how large outputs are; never a copy of them all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

SEARCHED = 2**20
"""Characters of one cell's outputs that are searched; what stands behind them is not."""

_BINARY = ("image/", "audio/", "video/", "application/pdf", "application/octet-stream")
_SHALLOW = 50


def output_texts(outputs: tuple[dict[str, Any], ...]) -> Iterator[str]:
    """Yield the text of outputs (printed, HTML, JSON, tracebacks), :data:`SEARCHED` of it."""
    left = SEARCHED
    for output in outputs:
        for text in _output_texts(output):
            yield text[:left]
            left -= len(text)
            if left <= 0:
                return


def _output_texts(output: dict[str, Any]) -> Iterator[str]:
    for key in ("text", "ename", "evalue", "traceback"):
        yield from texts(output.get(key))
    data = output.get("data")
    if isinstance(data, dict):
        for mime, content in data.items():
            if not str(mime).startswith(_BINARY) or mime == "image/svg+xml":
                yield from texts(content)
    yield from texts(output.get("metadata"))


def texts(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield the text in a JSON value: lists of lines are joined, mappings give ``key: value``."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        yield ("" if value[0].endswith("\n") else "\n").join(value)
    elif isinstance(value, list) and depth < _SHALLOW:
        for one in value:
            if not isinstance(one, int | float):
                yield from texts(one, depth + 1)
    elif isinstance(value, dict) and depth < _SHALLOW:
        for key, one in value.items():
            for text in texts(one, depth + 1):
                yield f"{key}: {text}"


def output_size(outputs: tuple[dict[str, Any], ...]) -> int:
    """Return about how many bytes outputs have as JSON."""
    return sum(_size(value) for output in outputs for value in output.values())


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return sum(map(len, value))
    if isinstance(value, dict):
        return sum(len(str(key)) + _size(one) for key, one in value.items())
    return len(json.dumps(value))
