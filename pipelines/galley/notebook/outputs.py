"""Whether two executions of a cell put out the same: text, tables, figures by their pixels.

Printed text is joined per stream, as a terminal would show it; everything else is compared in its
order, one representation after another. What is left out is listed in :mod:`galley.notebook.scrub`,
and beside it: metadata, execution counts and cell ids, which say how a cell was run, not what it
gave. Messages name what differs and never show a value of it.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any

from galley.notebook.scrub import Window, fold, scrub, scrub_svg
from galley.notebook.widget_states import VIEW

if TYPE_CHECKING:
    from PIL.Image import Image

Output = Mapping[str, Any]
"""One output as nbformat 4 stores it."""

_PIXELS = frozenset({"image/png", "image/jpeg"})
_EIGHT_BITS = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
_STREAMS = {"stdout": "printed text", "stderr": "text printed to stderr"}


@dataclass(frozen=True)
class OutputDifference:
    """One output that is not the same.

    Attributes:
        what: ``stdout``, ``stderr`` or ``output 2``, counted from 1 without printed text.
        message: what differs, without its cell: ``output 2 (image/png) differs in 9 of 64 pixels``.
        unstable: a second plain run differs in the same way.
    """

    what: str
    message: str
    unstable: bool = False


@dataclass(frozen=True)
class _Part:
    """One representation of one output."""

    what: str
    mime: str
    content: Any

    @property
    def label(self) -> str:
        return _STREAMS.get(self.what, f"{self.what} ({self.mime})")


def compare(
    first: Iterable[Output], second: Iterable[Output], *, window: Window | None = None
) -> list[str]:
    """Return what differs between the outputs of a cell and of another execution of it.

    Args:
        window: from the beginning of the earlier execution to the end of the later one.
    """
    return [one.message for one in differences(first, second, window=window)]


def differences(
    first: Iterable[Output],
    second: Iterable[Output],
    *,
    again: Iterable[Output] | None = None,
    window: Window | None = None,
) -> list[OutputDifference]:
    """Return what differs between ``first`` and ``second``; empty if nothing does.

    Args:
        again: the outputs of one more execution that should equal ``first``. What differs there
            already is unstable by itself; lines of text that are stable count still, and so do
            the number of lines, the size of a figure, and whether there is an output at all.
    """
    parts, others = _parts(first), _parts(second)
    repeated = _parts(again) if again is not None else None
    found = []
    for key in [*parts, *(key for key in others if key not in parts)]:
        one, other = parts.get(key), others.get(key)
        message = _difference(one, other, window)
        if message is not None:
            unstable = repeated is not None and _unstable(one, other, repeated.get(key), window)
            found.append(OutputDifference(key[0], message, unstable))
    return found


def count(outputs: Iterable[Output]) -> int:
    """Return how many outputs are compared: each stream and each displayed object is one."""
    return len({what for what, _ in _parts(outputs)})


def _parts(outputs: Iterable[Output]) -> dict[tuple[str, str], _Part]:
    streams: dict[str, list[str]] = {}
    parts: dict[tuple[str, str], _Part] = {}
    number = 0
    for output in outputs:
        kind = output.get("output_type")
        if kind == "stream":
            streams.setdefault(str(output.get("name", "stdout")), []).append(
                _text(output.get("text", ""))
            )
            continue
        number += 1
        what = f"output {number}"
        if kind == "error":
            content = [output.get("ename"), output.get("evalue"), *output.get("traceback", ())]
            parts[what, "error"] = _Part(what, "error", "\n".join(str(line) for line in content))
            continue
        for mime, content in sorted(output.get("data", {}).items()):
            parts[what, mime] = _Part(what, mime, content)
    printed = {
        (name, "text/plain"): _Part(name, "text/plain", "".join(pieces))
        for name, pieces in sorted(streams.items())
    }
    return printed | parts


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(line) for line in content)
    return content if isinstance(content, str) else json.dumps(content, sort_keys=True)


def _difference(one: _Part | None, other: _Part | None, window: Window | None) -> str | None:
    """Return what differs in one sentence, or None."""
    if one is None or other is None:
        present = one or other
        if present is None:
            return None
        return f"{present.label} is {'missing' if other is None else 'there in addition'}"
    if one.content == other.content:
        return None
    if one.mime in _PIXELS:
        return _pixels_differ(one, other)
    if one.mime == "image/svg+xml":
        same = scrub_svg(_text(one.content)) == scrub_svg(_text(other.content))
        return None if same else f"{one.label} is drawn differently"
    if not _is_text(one) or not _is_text(other):
        same = _json(one, window) == _json(other, window)
        return None if same else f"{one.label} differs"
    return _lines_differ(one, other, window)


def _is_text(part: _Part) -> bool:
    if part.mime.endswith("json"):
        return False
    return isinstance(part.content, str | list)


def _lines(part: _Part, window: Window | None) -> list[str]:
    return scrub(fold(_text(part.content)), window).split("\n")


def _lines_differ(one: _Part, other: _Part, window: Window | None) -> str | None:
    lines, others = _lines(one, window), _lines(other, window)
    if lines == others:
        return None
    if len(lines) != len(others):
        return f"{one.label} has {_count(others)} where there were {_count(lines)}"
    at = [
        index + 1 for index, pair in enumerate(zip(lines, others, strict=True)) if len({*pair}) > 1
    ]
    more = f" and in {len(at) - 1} more" if len(at) > 1 else ""
    return f"{one.label} differs in line {at[0]}{more}"


def _count(lines: list[str]) -> str:
    number = len(lines) - (lines[-1] == "")
    return f"{number} line" if number == 1 else f"{number} lines"


def _json(part: _Part, window: Window | None) -> Any:
    """Return JSON with its texts scrubbed, so that numbers of different types stay different."""
    if part.mime == VIEW and isinstance(part.content, Mapping):
        # The id of a widget's model is drawn at random; the value stands in its text.
        content: Any = {key: value for key, value in part.content.items() if key != "model_id"}
        return json.dumps(_scrubbed(content, window), sort_keys=True)
    content = part.content
    if isinstance(content, str | list) and not part.mime.endswith("json"):
        content = _text(content)
    return json.dumps(_scrubbed(content, window), sort_keys=True)


def _scrubbed(value: Any, window: Window | None) -> Any:
    if isinstance(value, str):
        return scrub(value, window)
    if isinstance(value, Mapping):
        return {scrub(str(key), window): _scrubbed(item, window) for key, item in value.items()}
    if isinstance(value, list):
        return [_scrubbed(item, window) for item in value]
    return value


def _unstable(
    one: _Part | None, other: _Part | None, repeated: _Part | None, window: Window | None
) -> bool:
    """Whether ``one`` differs from its repetition in a way that covers how ``other`` differs."""
    if one is None or repeated is None:
        return (one is None) != (repeated is None)
    if _difference(one, repeated, window) is None or other is None:
        return False
    if one.mime in _PIXELS:
        sizes = [_size(part) for part in (one, repeated, other)]
        return sizes[0] != sizes[1] or sizes[0] == sizes[2]
    if not all(_is_text(part) for part in (one, other, repeated)):
        return True
    lines, again, others = (_lines(part, window) for part in (one, repeated, other))
    if len(lines) != len(again):
        return True
    return len(others) == len(lines) and all(
        line == theirs
        for line, repeat, theirs in zip(lines, again, others, strict=True)
        if line == repeat
    )


def _pixels_differ(one: _Part, other: _Part) -> str | None:
    picture, theirs = _decoded(_text(one.content)), _decoded(_text(other.content))
    if picture is None or theirs is None:
        return f"{one.label} differs; it could not be decoded, so its bytes were compared"
    if picture.size != theirs.size:
        sizes = [f"{width} × {height}" for width, height in (theirs.size, picture.size)]
        return f"{one.label} has {sizes[0]} pixels where it had {sizes[1]}"
    if picture.mode == theirs.mode and picture.tobytes() == theirs.tobytes():
        return None
    if {picture.mode, theirs.mode} != {"RGBA"}:
        return f"{one.label} differs in its pixels"
    different, pixels = _different(picture, theirs), picture.width * picture.height
    return f"{one.label} differs in {different} of {pixels} pixels"


def _different(one: Image, other: Image) -> int:
    """Return how many pixels of two pictures of one size, RGBA, are not the same."""
    from PIL import ImageChops

    bands = ImageChops.difference(one, other).split()
    most = reduce(ImageChops.lighter, bands)
    return one.width * one.height - most.histogram()[0]


def _size(part: _Part) -> tuple[int, int] | None:
    picture = _decoded(_text(part.content))
    return picture.size if picture else None


@lru_cache(maxsize=2)
def _decoded(content: str) -> Image | None:
    """Return a picture, RGBA where that loses nothing; None if it cannot be decoded.

    Each is looked at several times in a row: beside the split's and beside a second run's.
    """
    try:
        from PIL import Image  # takes 50 ms to import, and most cells draw nothing
    except ImportError:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
                return picture.convert("RGBA") if picture.mode in _EIGHT_BITS else picture.copy()
    except (
        OSError,
        ValueError,
        SyntaxError,  # what Pillow raises for a broken PNG
        binascii.Error,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ):
        return None
