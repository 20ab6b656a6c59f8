"""Widgets in a page without scripts: as the run left them, and what they hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from galley.notebook.widget_states import VIEW, WidgetStates
from galley.service.rendering import render

PRINTED = {"output_type": "stream", "name": "stdout", "text": "drawn 3\n"}
STATES: dict[str, Any] = {
    "box": ("VBoxModel", {"children": ["IPY_MODEL_slider", "IPY_MODEL_pick", "IPY_MODEL_out"]}),
    "slider": ("IntSliderModel", {"description": "Degree", "value": 3, "children": []}),
    "pick": ("DropdownModel", {"description": "mode", "_options_labels": ["a", "b"], "index": 1}),
    "out": ("OutputModel", {"outputs": [PRINTED, 7]}),
    "many": ("SelectMultipleModel", {"description": "m", "_options_labels": ["a", "b"]}),
    "label": ("LabelModel", {"value": "words"}),
    "button": ("ButtonModel", {"description": "Run"}),
    "html": ("HTMLModel", {"value": "<b>bold</b>"}),
    "password": ("PasswordModel", {"description": "DB", "value": "hunter2"}),
    "outer": (
        "OutputModel",
        {"outputs": [{"output_type": "display_data", "data": {VIEW: {"model_id": "slider"}}}]},
    ),
    "loop": ("VBoxModel", {"children": ["IPY_MODEL_loop", 3, "IPY_MODEL_gone"]}),
}
STATES["many"][1]["index"] = [0, 1, 9]


def metadata() -> dict[str, Any]:
    state = {key: {"model_name": name, "state": one} for key, (name, one) in STATES.items()}
    return {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": state}}}


def shown(model: str) -> list[Any]:
    return [
        one.get("text") or one.get("data")
        for one in WidgetStates(metadata()).outputs({"model_id": model})
    ]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("box", ["Degree: 3\nmode: b\n", "drawn 3\n"]),
        ("many", ["m: a, b\n"]),
        ("label", ["words\n"]),
        ("html", [{"text/html": "<b>bold</b>"}]),
        *((model, []) for model in ("button", "password", "loop", "gone", "")),
    ],
)
def test_what_a_widget_shows(model: str, expected: list[Any]) -> None:
    assert shown(model) == expected


@pytest.mark.parametrize("broken", [None, [], {"widgets": 3}, {"widgets": {"x": {}}}])
def test_a_notebook_that_kept_no_states_shows_none(broken: Any) -> None:
    assert WidgetStates(broken).outputs({"model_id": "box"}) == []
    assert WidgetStates(metadata()).outputs(None) == []


def test_what_counts_of_a_widget_is_what_it_is_set_to_and_has_put_out() -> None:
    found = WidgetStates(metadata()).content({"model_id": "box"})
    assert found == [
        {"model": "VBoxModel"},
        {"model": "IntSliderModel", "description": "Degree", "value": 3},
        {
            "model": "DropdownModel",
            "description": "mode",
            "_options_labels": ["a", "b"],
            "index": 1,
        },
        {"model": "OutputModel", "outputs": [PRINTED, 7]},
    ]
    assert WidgetStates(None).content({"model_id": "box"}) == []
    (password,) = WidgetStates(metadata()).content({"model_id": "password"})
    assert password == {"model": "PasswordModel", "description": "DB"}
    (outer,) = WidgetStates(metadata()).content({"model_id": "outer"})
    assert "slider" not in str(outer)


def page(model: str) -> str:
    data = {VIEW: {"model_id": model}, "text/plain": "interactive(children=(…"}
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    cell = {"cell_type": "code", "source": "@interact", "outputs": [output]}
    return render(json.dumps({"cells": [cell], "metadata": metadata()}).encode()).decode()


def test_the_page_has_what_the_widget_drew_in_place_of_its_name() -> None:
    assert "Degree: 3\nmode: b" in page("box")
    assert "drawn 3" in page("box")
    assert "interactive(children" not in page("box")
    assert "interactive(children" in page("button")
