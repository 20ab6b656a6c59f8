"""Keeps the values of secrets out of everything that a task says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from galley.domain.versions import CellError
from galley.inside.outbox.redact import Values
from galley.run.job import write_private
from galley.run.joined import clean_streams, lists_in
from galley.run.pieces import Openings, Pieces

_ANYWHERE = {"comm_open", "comm_msg", "comm_close", "update_display_data"}
"""Messages that put nothing out, so that what is printed may come after them as well."""
_OUTPUTS_OF = "msg_id"
"""Part of an output widget's state: from there on it takes what is put out, or does no more."""


class Redactor(Values):
    """Replaces values by ``[secret NAME]``; one per task, because streams come in pieces.

    Args:
        values: name → value; none: everything passes as it is.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self._openings = Openings(self)
        self._streams: defaultdict[str, Pieces] = defaultdict(self.pieces)
        self._latest: dict[str, dict[str, Any]] = {}

    def pieces(self) -> Pieces:
        """Return what cleans one stream that comes in pieces."""
        return Pieces(self, self._openings)

    def message(self, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield what may be passed on of a kernel's message, and of what was held back before.

        The end of a printed piece that may be the beginning of a value waits for the next piece,
        for as long as it does not come later in the notebook than it was printed. Where something
        else is put out in between, both parts of a value are passed on: see :meth:`outputs`.
        """
        if not self.names:
            yield message
            return
        content = message["content"]
        if message["msg_type"] != "stream":
            if not _may_come_before(message):
                yield from self._rest(self._streams)
            buffers = {"buffers": self._buffers(message)} if message.get("buffers") else {}
            yield {**message, "content": self.tree(content), **buffers}
            return
        name = content["name"]
        yield from self._rest(self._streams.keys() - {name})
        self._latest[name] = message
        if text := self._streams[name].feed(content["text"]):
            yield _printed(message, text)

    def error(self, error: CellError | None) -> CellError | None:
        """Return an error without values."""
        if error is None or not self.names:
            return error
        return CellError.model_validate(self.tree(error.model_dump(), keys=False))

    def outputs(self, outputs: list[Any]) -> None:
        """Take values out of outputs that stand in the parts of a stream, cut by other outputs."""
        if self.names:
            clean_streams(self, outputs)

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
        # What one cell prints goes on in the next, as it does in the log.
        self.outputs([one for cell in clean["cells"] for one in cell.get("outputs", ())])
        for outputs in lists_in(clean["metadata"]):
            self.outputs(outputs)
        if clean != document:
            write_private(path, json.dumps(clean, indent=1, ensure_ascii=False) + "\n")

    def _rest(self, names: Iterable[str]) -> Iterator[dict[str, Any]]:
        for name in names:
            if text := self._streams[name].rest():
                yield _printed(self._latest[name], text)

    def _buffers(self, message: dict[str, Any]) -> list[Any]:
        return [self.tree(bytes(one)) for one in message["buffers"]]


def _may_come_before(message: dict[str, Any]) -> bool:
    """Return whether a message may be passed on before what was printed before it."""
    data = message["content"].get("data")
    state = data.get("state") if isinstance(data, dict) else None
    takes = isinstance(state, dict) and _OUTPUTS_OF in state
    return message["msg_type"] in _ANYWHERE and not takes


def _printed(message: dict[str, Any], text: str) -> dict[str, Any]:
    return {**message, "content": {**message["content"], "text": text}}
