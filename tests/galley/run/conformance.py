"""One tiny notebook per phenomenon, and what is left out when executed notebooks are compared.

A notebook is a file in ``phenomena/``: its cells after lines ``# %%``, tags in brackets.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat

Cell = str | tuple[str, list[str]]

_FOLDER = Path(__file__).with_name("phenomena")
_HEAD = re.compile(r"^# %%(?: \[(.*)\])?$")

LEFT_OUT = {
    # what differs between any two runs of the same notebook → why
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b": "ids",
    r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])": "ids of widgets",
    r"/tmp/[\w./-]+": "folders of the two runs",
    r"0x[0-9a-f]+": "memory addresses",
    r"ipykernel_\d+": "process ids in tracebacks",
    r"\b\d+(\.\d+)?(e[+-]\d+)? ([mµμn]?s|min)\b": "durations",
}


def phenomena() -> dict[str, list[Cell]]:
    """Return name → cells of each notebook."""
    return {file.stem.replace("-", " "): _cells(file) for file in sorted(_FOLDER.glob("*.cells"))}


def _cells(file: Path) -> list[Cell]:
    cells: list[tuple[list[str], list[str]]] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if head := _HEAD.match(line):
            cells.append(([], [tag.strip() for tag in (head[1] or "").split(",") if tag]))
        else:
            cells[-1][0].append(line)
    return [("\n".join(lines), tags) for lines, tags in cells]


def comparable(path: Path) -> dict[str, Any]:
    """Return an executed notebook without times, ids and paths."""
    document = nbformat.read(path, as_version=4)
    document.metadata.pop("papermill", None)
    for cell in document.cells:
        if "outputs" in cell:
            cell.outputs = _merged(cell.outputs)
        cell.pop("id", None)
        meta = cell.metadata.pop("papermill", {})
        cell.metadata.status = (meta.get("status"), meta.get("exception"))
        cell.metadata.pop("execution", None)
    widgets = document.metadata.pop("widgets", {})
    states = [state for kept in widgets.values() for state in kept.state.values()]
    document.metadata.widgets = sorted(map(_scrubbed, states))  # under ids, which are random
    result: dict[str, Any] = json.loads(_scrubbed(document))
    return result


def _scrubbed(document: Any) -> str:
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    for pattern, name in LEFT_OUT.items():
        text = re.sub(pattern, f"<{name}>", text)
    return text


def _merged(outputs: list[Any]) -> list[Any]:
    """Return outputs with a stream's text in one piece: the clock decides where it is cut."""
    together: list[Any] = []
    for output in outputs:
        last = together[-1] if together else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last["text"] += output.text
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
