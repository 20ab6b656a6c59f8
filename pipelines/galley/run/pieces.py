"""A stream that comes in pieces, without the values of secrets, however it is cut."""

from __future__ import annotations

from collections.abc import Iterator

from galley.inside.outbox.bare import BEFORE, INSIDE_SO_FAR, Bare
from galley.inside.outbox.beginnings import Beginnings
from galley.inside.outbox.forms import MIN_VALUE
from galley.inside.outbox.redact import DOTS, LEAST_BEGINNING, LONG, Span, Values

_DOTS_SO_FAR = sorted({dots[:at] for dots in DOTS for at in range(1, len(dots))})


class Openings:
    """Finds where something begins at the end of a text that may become a value.

    Made once for all streams: what it knows of the values is as large as they are.
    """

    def __init__(self, values: Values) -> None:
        self._by_start: dict[str, list[str]] = {}
        for form in values.names:
            for length in range(1, MIN_VALUE + 1):
                self._by_start.setdefault(form[:length], []).append(form)
        self._starts = Beginnings(form[:MIN_VALUE] for form in values.names)
        self._longest = max(map(len, values.names), default=0)

    def first(self, text: str, values: list[Span], before: str) -> int:
        """Return where the first of them begins; the end of the text: there is none.

        Args:
            values: those that stand in the text: what is in the middle of one begins none.
            before: what stands before the text.
        """
        cut = _first_outside(self._places(text), values, len(text))
        start = max(0, len(text) - 2 * self._longest - BEFORE)  # room for what stands within
        bare = Bare(text[start:], (before + text[:start])[-BEFORE:], INSIDE_SO_FAR)
        if bare:
            hidden = (start + bare.original(at, at)[0] for at in self._places(bare.text))
            cut = min(cut, _first_outside(hidden, values, len(text)))
        return cut

    def _places(self, text: str) -> Iterator[int]:
        start = max(0, len(text) - self._longest - max(map(len, DOTS)))
        for place in self._starts.places(text, start):
            if self._begins(text[place:]):
                yield place
        for place in range(max(start, len(text) - MIN_VALUE + 1), len(text)):
            if text[place:] in self._by_start:
                yield place

    def _begins(self, text: str) -> bool:
        """Return whether a longer form begins with ``text``, or with what is cut at its end."""
        return any(
            (len(form) > len(text) and form.startswith(text)) or _may_be_cut(form, text)
            for form in self._by_start[text[:MIN_VALUE]]
        )


class Pieces:
    """Cleans one stream.

    Args:
        openings: of the values.
    """

    def __init__(self, values: Values, openings: Openings) -> None:
        self._values = values
        self._openings = openings
        self._held = ""
        self._before = ""

    def feed(self, text: str) -> str:
        """Take a piece; return what may be given out.

        The end of a piece that may be the beginning of a value is held back until the next one.
        """
        if not self._values:
            return text
        text = self._held + text
        values = self._values.spans(text, self._before)
        cut = self._openings.first(text, values, self._before)
        self._before, self._held = (self._before + text[:cut])[-BEFORE:], text[cut:]
        return self._values.marked(text[:cut], (one for one in values if one.end <= cut))

    def rest(self) -> str:
        """Return what is held back, and hold it no more."""
        text, self._held = self._held, ""
        values = self._values.spans(text, self._before)
        self._before = (self._before + text)[-BEFORE:]
        return self._values.marked(text, values)


def without_values() -> Pieces:
    """Return what passes everything on as it is."""
    nothing = Values({})
    return Pieces(nothing, Openings(nothing))


def _first_outside(places: Iterator[int], values: list[Span], end: int) -> int:
    """Return the first of growing places that is not in the middle of a value, or the end."""
    left = iter(values)
    value = next(left, None)
    for place in places:
        while value is not None and value.end <= place:
            value = next(left, None)
        if value is None or place <= value.start:
            return place
    return end


def _may_be_cut(form: str, text: str) -> bool:
    """Return whether a form is cut where a text ends, once all of the dots are there."""
    return len(form) >= LONG and any(
        text.endswith(dots)
        and len(text) - len(dots) >= LEAST_BEGINNING
        and form.startswith(text.removesuffix(dots))
        for dots in _DOTS_SO_FAR
    )
