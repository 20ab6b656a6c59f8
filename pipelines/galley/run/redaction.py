"""Keeps the values of secrets out of everything that a task says.

What is replaced is each value as it stands, each line of a value with several, and the forms in
which values usually show up: escaped as in ``repr``, JSON, HTML and addresses, as hexadecimal
digits, and as base64, also within longer base64 such as that of ``user:password``. What a notebook
makes of a value beyond that, one character per line say, cannot be known.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from galley.domain.secrets import MIN_VALUE
from galley.domain.versions import CellError
from galley.run.job import write_private

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_LEAST_BASE64 = 8
"""Characters of base64 below which a match would be by chance."""


class Redactor:
    """Replaces values by ``[secret NAME]``; one per task, because streams come in pieces.

    Args:
        values: name → value; none: everything passes as it is.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._names = {
            form: name for name, value in sorted(values.items()) for form in _forms(value)
        }
        longest_first = sorted(self._names, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        self._by_start: dict[str, list[str]] = {}
        for form in self._names:
            for length in range(1, MIN_VALUE + 1):
                self._by_start.setdefault(form[:length], []).append(form)
        self._longest = max(map(len, self._names), default=0)
        self._held: tuple[dict[str, Any], str] | None = None

    def __bool__(self) -> bool:
        return bool(self._names)

    def text(self, text: str) -> str:
        """Return a text without values; colours go where they stood within a value."""
        if not self._names:
            return text
        clean = self._pattern.sub(self._mark, text)
        if "\x1b[" in clean and self._pattern.search(plain := _ANSI.sub("", clean)):
            return self._pattern.sub(self._mark, plain)
        return clean

    def tree(self, value: Any) -> Any:
        """Return JSON, or a message's content, without values in any of its texts and keys."""
        if not self._names:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "surrogateescape")).encode(
                "utf-8", "surrogateescape"
            )
        if isinstance(value, Mapping):
            return {self.tree(key): self.tree(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(one) for one in value]
        return value

    def message(self, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield what may be passed on of a kernel's message, and of what was held back before.

        The end of a printed piece that may be the beginning of a value waits for the next piece.
        """
        if not self._names:
            yield message
            return
        if message["msg_type"] != "stream":
            yield from self._rest()
            buffers = {"buffers": self._buffers(message)} if message.get("buffers") else {}
            yield {**message, "content": self.tree(message["content"]), **buffers}
            return
        content = message["content"]
        if self._held and self._held[0]["content"]["name"] != content["name"]:
            yield from self._rest()
        text = (self._held[1] if self._held else "") + content["text"]
        self._held = None
        cut = self._open_end(text)
        if cut < len(text):
            self._held = (message, text[cut:])
        if cut:
            yield _printed(message, self.text(text[:cut]))

    def error(self, error: CellError | None) -> CellError | None:
        """Return an error without values."""
        if error is None or not self._names:
            return error
        return CellError.model_validate(self.tree(error.model_dump()))

    def notebook(self, path: Path) -> None:
        """Take values out of the outputs and the metadata of an executed notebook, if there are.

        Sources are left: they were published, and no run writes a secret into them.
        """
        if not self._names or not path.exists():
            return
        try:
            document = json.loads(path.read_bytes())
        except ValueError:  # cut off, as on a full disk; its outputs came through message()
            return
        clean = {**document, "metadata": self.tree(document.get("metadata", {}))}
        clean["cells"] = [
            {key: one if key == "source" else self.tree(one) for key, one in cell.items()}
            for cell in document["cells"]
        ]
        if clean != document:
            write_private(path, json.dumps(clean, indent=1, ensure_ascii=False) + "\n")

    def _mark(self, match: re.Match[str]) -> str:
        return f"[secret {self._names[match[0]]}]"

    def _rest(self) -> Iterator[dict[str, Any]]:
        if self._held is not None:
            (message, text), self._held = self._held, None
            yield _printed(message, self.text(text))

    def _open_end(self, text: str) -> int:
        """Return where the part begins that may be the beginning of a value."""
        end = len(text)
        first = max(0, end - self._longest + 1)
        within = {  # what is in the middle of a value begins none
            place
            for match in self._pattern.finditer(text)
            for place in range(max(first, match.start() + 1), match.end())
        }
        for cut in range(first, end):
            if cut not in within and self._begins(text[cut:]):
                return cut
        return end

    def _begins(self, text: str) -> bool:
        """Return whether a longer value begins with ``text``."""
        return any(
            len(form) > len(text) and form.startswith(text)
            for form in self._by_start.get(text[:MIN_VALUE], ())
        )

    def _buffers(self, message: dict[str, Any]) -> list[Any]:
        return [self.tree(bytes(one)) for one in message["buffers"]]


def _printed(message: dict[str, Any], text: str) -> dict[str, Any]:
    return {**message, "content": {**message["content"], "text": text}}


def _forms(value: str) -> set[str]:
    """Return how a value may show up, itself among it."""
    whole = {value, value.strip()}
    lines = {line.strip() for line in value.splitlines()}
    forms: set[str] = set()
    for part in whole | {line for line in lines if len(line) >= MIN_VALUE}:
        forms |= {
            part,
            html.escape(part),
            html.escape(part, quote=False),
            html.escape(part).replace("&#x27;", "&#39;"),
            json.dumps(part)[1:-1],
            json.dumps(part, ensure_ascii=False)[1:-1],
            repr(part)[1:-1],
            repr(part.encode())[2:-1],
            quote(part),
            quote(part, safe=""),
            quote_plus(part),
            part.encode().hex(),
            part.encode().hex().upper(),
            *_base64_forms(part.encode()),
        }
    return {form for form in forms if len(form) >= MIN_VALUE}


def _base64_forms(data: bytes) -> Iterator[str]:
    """Yield what is the same in base64 whatever stands before and after ``data``."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(data).decode()
        for before in range(3):
            text = encode(bytes(before) + data).decode()
            first = -(-8 * before // 6)  # characters that hold a bit of what stands before
            last = 8 * (before + len(data)) // 6  # those after it hold a bit of what follows
            if len(inner := text[first:last]) >= _LEAST_BASE64:
                yield inner
