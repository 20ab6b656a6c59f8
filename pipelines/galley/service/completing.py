"""A notebook as an interrupted executor left it, made whole enough to be shown."""

from __future__ import annotations

from typing import Any

from galley.notebook.widget_states import VIEW, WidgetStates

_SCRIPTED = ("application/javascript", VIEW)
"""Forms of an output that only a script can show."""
_COLOURED_BY = ("name", "pygments_lexer")


def completed(document: Any) -> dict[str, Any]:
    """Return a valid nbformat 4.5 notebook with everything of ``document`` that can be shown."""
    raw = document.get("cells") if isinstance(document, dict) else None
    metadata = document.get("metadata") if isinstance(document, dict) else None
    widgets = WidgetStates(metadata)
    found = enumerate(raw if isinstance(raw, list) else [])
    cells = [_cell(cell, index, widgets) for index, cell in found]
    language = _language(metadata.get("language_info") if isinstance(metadata, dict) else None)
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"language_info": language} if "name" in language else {},
        "cells": cells,
    }


def _language(found: Any) -> dict[str, str]:
    """Return what is said of a notebook's language, as far as its code is coloured by that."""
    said = found if isinstance(found, dict) else {}
    return {key: said[key] for key in _COLOURED_BY if isinstance(said.get(key), str)}


def _cell(cell: Any, index: int, widgets: WidgetStates) -> dict[str, Any]:
    cell = cell if isinstance(cell, dict) else {}
    kind = cell.get("cell_type")
    whole = {
        "id": f"cell-{index}",
        "cell_type": kind if kind in {"code", "markdown"} else "raw",
        "metadata": {"tags": _tags(cell.get("metadata"))},
        "source": _text(cell.get("source")),
    }
    if kind in {"markdown", "raw"}:
        whole["attachments"] = _attachments(cell.get("attachments"))
    if kind == "code":
        count = cell.get("execution_count")
        outputs = cell.get("outputs")
        whole["execution_count"] = count if isinstance(count, int) else None
        each = outputs if isinstance(outputs, list) else []
        whole["outputs"] = [_output(one) for output in each for one in _shown(output, widgets)]
    return whole


def _tags(metadata: Any) -> list[str]:
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return sorted({tag for tag in tags if isinstance(tag, str)}) if isinstance(tags, list) else []


def _attachments(found: Any) -> dict[str, dict[str, str]]:
    """Return file name → type → data, base64."""
    named = found.items() if isinstance(found, dict) else ()
    kept = {
        name: {of: _text(data) for of, data in forms.items() if isinstance(of, str)}
        for name, forms in named
        if isinstance(name, str) and isinstance(forms, dict)
    }
    return {name: forms for name, forms in kept.items() if forms}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _shown(output: Any, widgets: WidgetStates) -> list[Any]:
    """Return what stands in a page for an output: for a widget, what the run left in it."""
    data = output.get("data") if isinstance(output, dict) else None
    view = data.get(VIEW) if isinstance(data, dict) else None
    return (widgets.outputs(view) if view is not None else []) or [output]


def _output(output: Any) -> dict[str, Any]:
    output = output if isinstance(output, dict) else {}
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": _text(output.get("text"))}
    if kind == "error":
        traceback = output.get("traceback")
        return {
            "output_type": "error",
            "ename": _text(output.get("ename")),
            "evalue": _text(output.get("evalue")),
            "traceback": [_text(x) for x in traceback] if isinstance(traceback, list) else [],
        }
    return {"output_type": "display_data", "metadata": {}, "data": _data(output.get("data"))}


def _data(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        return {"text/plain": ""}
    kept = {
        name: value if name.endswith("json") else _text(value)
        for name, value in data.items()
        if isinstance(name, str) and name not in _SCRIPTED
    }
    if "text/latex" in kept and not kept.keys() & {"text/html", "text/markdown"}:
        kept["text/markdown"] = kept["text/latex"]  # in which formulas are shown as such
    if kept:
        return kept
    return {"text/plain": "(this output needs a script; it can be seen in JupyterLab only)"}
