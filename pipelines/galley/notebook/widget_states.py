"""Widgets of an executed notebook as the run left them, by the states that its metadata keeps.

A page without scripts shows them so, and what two runs showed in them is compared by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VIEW = "application/vnd.jupyter.widget-view+json"
_STATE = "application/vnd.jupyter.widget-state+json"
_MODEL = "IPY_MODEL_"
_OF_THE_PAGE = frozenset({"children", "layout", "style", "msg_id", "tabbable", "tooltip"})
_HIDDEN = frozenset({"PasswordModel"})
_MOST = 200
"""Widgets of one output that are looked at; a tree may lead back to itself."""


class WidgetStates:
    """The states that a notebook's metadata keeps.

    Args:
        metadata: of the notebook, whatever it is.
    """

    def __init__(self, metadata: Any) -> None:
        self._states = _mapping(_mapping(_mapping(metadata).get("widgets")).get(_STATE))
        self._states = _mapping(self._states.get("state"))

    def outputs(self, view: Any) -> list[dict[str, Any]]:
        """Return what a widget shows as outputs: its controls in words, what it has put out.

        Args:
            view: content of an output of the type :data:`VIEW`.
        """
        found: list[dict[str, Any]] = []
        said: list[str] = []
        for name, state in self._within(str(_mapping(view).get("model_id", ""))):
            if name == "OutputModel":
                found += [one for one in _list(state.get("outputs")) if isinstance(one, dict)]
            elif name in {"HTMLModel", "HTMLMathModel"}:
                data = {"text/html": str(state.get("value", ""))}
                found.append({"output_type": "display_data", "metadata": {}, "data": data})
            elif name not in _HIDDEN and (line := _line(name, state)) is not None:
                said.append(line)
        if said:
            text = "\n".join(said)
            found.insert(0, {"output_type": "stream", "name": "stdout", "text": f"{text}\n"})
        return found

    def content(self, view: Any) -> list[dict[str, Any]]:
        """Return what a widget and all that it holds are set to and have put out, in order.

        What only connects them with a page is left out: ids, layouts, styles.
        """
        model = str(_mapping(view).get("model_id", ""))
        found = []
        for name, state in self._within(model):
            counts = {key: one for key, one in state.items() if _counts(key, one)}
            if name == "OutputModel":
                counts["outputs"] = [self._inner(one) for one in _list(state.get("outputs"))]
            if name in _HIDDEN:
                counts.pop("value", None)
            found.append({"model": name, **counts})
        return found

    def _inner(self, output: Any) -> Any:
        """Return what an output widget has put out, without the id of a widget among it."""
        data = _mapping(_mapping(output).get("data"))
        if VIEW not in data:
            return output
        shown = [name for name, _ in self._within(str(_mapping(data[VIEW]).get("model_id", "")))]
        return {**output, "data": {**data, VIEW: {"content": shown}}}

    def _within(self, model: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (name, state) of a widget and all that it holds, in order."""
        todo, seen = [model], set[str]()
        while todo and len(seen) < _MOST:
            model = todo.pop(0)
            if model in seen or model not in self._states:
                continue
            seen.add(model)
            kept = _mapping(self._states[model])
            state = _mapping(kept.get("state"))
            yield str(kept.get("model_name", "")), state
            children = [one for one in _list(state.get("children")) if isinstance(one, str)]
            todo[:0] = [one.removeprefix(_MODEL) for one in children]


def _counts(key: str, value: Any) -> bool:
    if key.startswith("_") and key not in {"_options_labels", "_titles"}:
        return False
    return key not in _OF_THE_PAGE and not str(value).startswith(_MODEL)


def _line(name: str, state: dict[str, Any]) -> str | None:
    """Return a control in words, such as ``Degree: 3``; None for what has no value."""
    labels, index = _list(state.get("_options_labels")), state.get("index")
    if labels and isinstance(index, int) and 0 <= index < len(labels):
        value = labels[index]
    elif labels and isinstance(index, list):
        chosen = [one for one in index if isinstance(one, int) and 0 <= one < len(labels)]
        value = ", ".join(str(labels[one]) for one in chosen)
    elif "value" in state and not isinstance(state["value"], dict):
        value = state["value"]
    else:
        return None
    described = str(state.get("description") or "").strip()
    return f"{described}: {value}" if described else str(value) if name == "LabelModel" else None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
