"""One tiny notebook per phenomenon, and what is left out when executed notebooks are compared.

A notebook is a file in ``phenomena/``: its cells after lines ``# %%``, tags in brackets; above them
perhaps a line ``# parameters`` with the values of the run, as JSON.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from tests.galley.run.projects import notebook

Cell = str | tuple[str, list[str]]

_FOLDER = Path(__file__).with_name("phenomena")
_HEAD = re.compile(r"^# %%(?: \[(.*)\])?$")
_PARAMETERS = "# parameters "


class Phenomenon(NamedTuple):
    """A notebook and the values that it is given."""

    cells: list[Cell]
    parameters: dict[str, Any]

    @property
    def document(self) -> dict[str, Any]:
        """The notebook."""
        return notebook(*self.cells)


class Left(NamedTuple):
    """What two runs of the same notebook do not have in common.

    Attributes:
        where: keys from the top of the notebook, ``*`` for any one; empty: in all text.
        what: regular expression for the value as a whole, or for the part of the text; empty:
            whatever it is.
        why: the reason.
    """

    where: str
    what: str
    why: str


_TIME = r"\d[\d.]*(?:e[+-]\d+)? (?:[nµμm]?s|min)"
LEFT_OUT = (
    *(
        Left(f"{of}metadata.papermill.{key}", "", "the clock")
        for of in ("", "cells.*.")
        for key in ("start_time", "end_time", "duration")
    ),
    Left("cells.*.metadata.execution", "", "when nbclient saw which message of the kernel"),
    Left("metadata.papermill.input_path", "", "each run has a folder of its own"),
    Left("metadata.papermill.output_path", "", "each run has a folder of its own"),
    Left("cells.*.id", "[0-9a-f]{8}", "cells that papermill adds get random ids"),
    Left("", r"(?<= at )0x[0-9a-f]+(?=>)", "memory addresses, in what has no text of its own"),
    Left("", r"(?<=/ipykernel_)\d+(?=/)", "process ids, in the paths that ipykernel gives cells"),
    Left("", r"(?<=IPY_MODEL_)[0-9a-f]{32}(?=\")", "random ids of widgets, in other widgets"),
    Left("", r"(?<=\"model_id\": \")[0-9a-f]{32}(?=\")", "random ids of widgets, where shown"),
    Left("", rf"CPU times: user {_TIME}, sys: {_TIME}, total: {_TIME}(?=\\n)", "%time's clock"),
    Left("", rf"Wall time: {_TIME}(?=\\n)", "%time's clock"),
    Left("", rf"{_TIME} ± {_TIME} per loop(?= \(mean ± std\. dev\.)", "%timeit's clock"),
)
"""All that is removed. The folder of a run is another one each time, too, wherever it is named."""


def phenomena() -> dict[str, Phenomenon]:
    """Return name → notebook and values."""
    return {
        file.stem.replace("-", " "): _phenomenon(file) for file in sorted(_FOLDER.glob("*.cells"))
    }


def _phenomenon(file: Path) -> Phenomenon:
    cells: list[tuple[list[str], list[str]]] = []
    parameters: dict[str, Any] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if head := _HEAD.match(line):
            cells.append(([], [tag.strip() for tag in (head[1] or "").split(",") if tag]))
        elif not cells:
            parameters = json.loads(line.removeprefix(_PARAMETERS))
        else:
            cells[-1][0].append(line)
    return Phenomenon([("\n".join(lines), tags) for lines, tags in cells], parameters)


def comparable(path: Path) -> dict[str, Any]:
    """Return an executed notebook, which lies in the run's folder, without what is left out.

    Two things are brought into an order: the clock decides into how many pieces a stream's text is
    cut, and the states of widgets lie under random ids.
    """
    document: dict[str, Any] = json.loads(json.dumps(nbformat.read(path, as_version=4)))
    for cell in document["cells"]:
        if "outputs" in cell:
            cell["outputs"] = _merged(cell["outputs"])
    for left in LEFT_OUT:
        if left.where:
            _remove(document, left.where.split("."), left.what)
    widgets = document["metadata"].pop("widgets", {})
    states = [state for kept in widgets.values() for state in kept["state"].values()]
    document["metadata"]["widgets"] = sorted(_scrubbed(state, path.parent) for state in states)
    # NaN equals nothing, itself included.
    result: dict[str, Any] = json.loads(_scrubbed(document, path.parent), parse_constant=str)
    return result


def _remove(part: Any, where: list[str], what: str) -> None:
    first, *rest = where
    if first == "*":
        for one in part:
            _remove(one, rest, what)
    elif first in part and rest:
        _remove(part[first], rest, what)
    elif first in part and (not what or re.fullmatch(what, part[first])):
        del part[first]


def _scrubbed(document: Any, folder: Path) -> str:
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    text = text.replace(str(folder), "<folder>")
    for left in LEFT_OUT:
        if not left.where:
            text = re.sub(left.what, "<left out>", text)
    return text


def _merged(outputs: list[Any]) -> list[Any]:
    together: list[Any] = []
    for output in outputs:
        last = together[-1] if together else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            together.append(output)
    return together


def executed_cells(path: Path) -> list[tuple[str, object, object]]:
    """Return source, count and outputs of the code cells, without what papermill adds."""
    return [
        (cell["source"], cell["execution_count"], cell["outputs"])
        for cell in comparable(path)["cells"]
        if cell["cell_type"] == "code"
    ]
