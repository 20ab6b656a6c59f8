"""Finds the values of secrets in texts and replaces them: needs nothing but Python."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .bare import Bare
from .beginnings import Beginnings
from .forms import MIN_VALUE, forms

LONG = 24
"""Characters from which on a form is recognised by its first ones, too, where it was cut."""
LEAST_BEGINNING = 16
"""How many of them there must be, before the dots that say that it was cut."""
DOTS = ("...", "…")
_KINDS = frozenset(
    {
        *("stream", "stdout", "stderr", "display_data", "execute_result", "error"),
        *("starting", "busy", "idle", "aborted", "code", "markdown"),
    }
)
_KEYS = frozenset(
    {
        *("kernelspec", "display_name", "language_info", "language", "papermill", "tags"),
        *("cell_type", "source", "outputs", "output_type", "metadata", "attachments"),
        *("name", "text", "data", "transient", "display_id", "execution_count", "wait"),
        *("ename", "evalue", "traceback", "status", "execution_state", "payload"),
        *("user_expressions", "engine_info", "prompt", "password", "comm_id", "target_name"),
        *("target_module", "state", "buffer_paths", "method", "version_major", "version_minor"),
    }
)
"""What messages and notebooks consist of: everybody knows it, and nothing works without it."""
_COUNTS = frozenset({"execution_count", "version_major", "version_minor"})
"""Under which of these keys there must be a number."""
_MEDIA = re.compile(r"(text|image|audio|video|application)/[\w.+-]+")


class Span(NamedTuple):
    """Where a value stands in a text, and the name of the secret."""

    start: int
    end: int
    name: str


class Values:
    """Replaces values by ``[secret NAME]``.

    What is replaced is each value as it stands, each line of a value with several, and the forms
    in which values usually show up: escaped as in ``repr``, JSON, HTML and addresses, as
    hexadecimal digits, and as base64, also within longer base64 such as that of
    ``user:password``, and in lines. Of those with at least 24 characters, the first 16 or more are
    replaced as well where dots say that something was cut, as in a table. What a notebook makes of
    a value beyond that, one character per line say, cannot be known.

    Args:
        values: name → value; none: everything passes as it is.

    Attributes:
        names: form → name of the secret.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self.names = {form: name for name, value in sorted(values.items()) for form in forms(value)}
        self._by_start: dict[str, list[str]] = {}
        for form in sorted(self.names, key=lambda form: (-len(form), form)):
            self._by_start.setdefault(form[:MIN_VALUE], []).append(form)
        self._beginnings = Beginnings(form[:LEAST_BEGINNING] for form in self.names)
        self._in_marks = {
            form: [
                (mark, at)
                for mark in map(_mark, values)
                if form in mark
                for at in range(len(mark))
                if mark.startswith(form, at)
            ]
            for form in self.names
        }

    def __bool__(self) -> bool:
        return bool(self.names)

    def text(self, text: str) -> str:
        """Return a text without values; colours go that stood within a value or beside it."""
        return self.marked(text, self.spans(text))

    def marked(self, text: str, spans: Iterable[Span]) -> str:
        """Return a text with marks in the place of values, which are given in their order."""
        parts, at = list[str](), 0
        for span in spans:
            parts += text[at : span.start], _mark(span.name)
            at = span.end
        return "".join([*parts, text[at:]]) if parts else text

    def spans(self, text: str, before: str = "") -> list[Span]:
        """Return where values stand in a text, in their order; none overlaps another.

        Args:
            before: what stands before the text, if that is known.
        """
        if not self.names:
            return []
        found = list(self._standing(text))
        if bare := Bare(text, before):
            hidden = (one for one in self._standing(bare.text) if bare.hides(one.start, one.end))
            found += (Span(*bare.original(one.start, one.end), one.name) for one in hidden)
        return _apart(found)

    def tree(self, value: Any, *, keys: bool = True) -> Any:
        """Return JSON, or a message's content, without values in any of its texts and numbers.

        A term of the messages' own stays, even where somebody's secret is part of it.

        Args:
            keys: whether in keys, too; not where the keys are those of a format, which has its
                numbers in places of their own, too.
        """
        if not self.names:
            return value
        if isinstance(value, str):
            return value if value in _KINDS else self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "surrogateescape")).encode(
                "utf-8", "surrogateescape"
            )
        if isinstance(value, Mapping):
            return {
                self._key(key) if keys else key: self.tree(
                    one, keys=keys and not (key in _COUNTS and isinstance(one, int))
                )
                for key, one in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.tree(one, keys=keys) for one in value]
        return self._number(value) if keys else value

    def _key(self, key: Any) -> Any:
        return key if key in _KEYS or _MEDIA.fullmatch(str(key)) else self.tree(key)

    def _number(self, value: Any) -> Any:
        """Return a mark for a number that is a value, also where a column made it a float."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        text = repr(value)
        name = self.names.get(text) or self.names.get(text.removesuffix(".0"))
        return value if name is None else _mark(name)

    def _standing(self, text: str) -> Iterator[Span]:
        """Yield where values stand as they are; the longest of those that begin in one place."""
        past = 0
        for place in self._beginnings.places(text):
            if place >= past and (span := self._at(text, place)):
                yield span
                past = span.end

    def _at(self, text: str, place: int) -> Span | None:
        """Return the value that begins in a place."""
        end, found = place, ""
        for form in self._by_start[text[place : place + MIN_VALUE]]:
            whole = text.startswith(form, place)
            if whole and self._is_of_mark(text, place, form):
                continue
            reached = place + len(form) if whole else _cut(text, place, form)
            if reached > end:
                end, found = reached, form
            if whole:
                break
        return Span(place, end, self.names[found]) if found else None

    def _is_of_mark(self, text: str, place: int, form: str) -> bool:
        """Return whether what stands there is part of a mark, as a secret's name may be its value.

        So that what is redacted can be redacted again.
        """
        return any(
            text.startswith(mark, place - at) for mark, at in self._in_marks[form] if place >= at
        )


def given() -> Values:
    """Return the secrets of the kernel that this runs in, if it was given any."""
    return Values(vars(sys.modules.get("galley_inside_secrets", object)).get("_values", {}))


def _mark(name: str) -> str:
    return f"[secret {name}]"


def _cut(text: str, place: int, form: str) -> int:
    """Return where the dots are that a form is cut by; ``place``: it is not."""
    least = place + LEAST_BEGINNING
    if len(form) < LONG or not text.startswith(form[:LEAST_BEGINNING], place):
        return place
    pairs = enumerate(zip(form, text[place : place + len(form)], strict=False))
    differs = place + next((at for at, (one, other) in pairs if one != other), len(form))
    return max(place, *(text.rfind(dots, least, differs + len(dots)) for dots in DOTS))


def _apart(spans: list[Span]) -> list[Span]:
    """Return spans in their order; those that overlap as one, named after the first."""
    apart = list[Span]()
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if apart and span.start < apart[-1].end:
            apart[-1] = apart[-1]._replace(end=max(span.end, apart[-1].end))
        else:
            apart.append(span)
    return apart
