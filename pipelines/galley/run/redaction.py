"""Keeps the values of secrets out of everything that a task says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from galley.domain.versions import CellError
from galley.inside.outbox.redact import MIN_VALUE, Values
from galley.run.job import write_private


class Redactor(Values):
    """Replaces values by ``[secret NAME]``; one per task, because streams come in pieces.

    Args:
        values: name → value; none: everything passes as it is.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self._by_start: dict[str, list[str]] = {}
        for form in self.names:
            for length in range(1, MIN_VALUE + 1):
                self._by_start.setdefault(form[:length], []).append(form)
        self._longest = max(map(len, self.names), default=0)
        self._held: tuple[dict[str, Any], str] | None = None

    def message(self, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield what may be passed on of a kernel's message, and of what was held back before.

        The end of a printed piece that may be the beginning of a value waits for the next piece.
        """
        if not self.names:
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
        if error is None or not self.names:
            return error
        return CellError.model_validate(self.tree(error.model_dump(), keys=False))

    def notebook(self, path: Path) -> None:
        """Take values out of the outputs and the metadata of an executed notebook, if there are.

        Sources are left: they were published, and no run writes a secret into them.
        """
        if not self.names or not path.exists():
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
            for match in self.pattern.finditer(text)
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
