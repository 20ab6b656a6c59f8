from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from galley.service.rendering import HEADERS, KEPT, Renderer, Theme, render

from tests.galley.service.platform import executed_notebook


def test_outputs_are_shown_and_nothing_can_run() -> None:
    page = render(json.dumps(executed_notebook()).encode()).decode()
    assert "two" in page
    assert "result" in page
    assert "<script" not in page.lower()
    assert "stolen" not in page


def test_the_policy_runs_nothing_and_has_no_origin() -> None:
    directives = HEADERS["Content-Security-Policy"].split("; ")
    assert "sandbox" in directives
    assert "default-src 'none'" in directives
    assert not any(word in HEADERS["Content-Security-Policy"] for word in ("allow-", "http"))


@pytest.mark.parametrize(
    "notebook",
    [
        "{}",
        "[]",
        '{"cells": [1, null]}',
        '{"cells": {"a": 1}}',
        '{"cells": [{"cell_type": "code"}]}',
        '{"cells": [{"cell_type": "code", "outputs": [{}, 3, {"output_type": "stream"}]}]}',
        '{"cells": [{"cell_type": "code", "outputs": [{"output_type": "error"}]}]}',
        '{"cells": [{"cell_type": "strange", "source": ["a", "b"], "metadata": 7}]}',
        '{"metadata": {"language_info": 3, "widgets": {"x": 1}}, "cells": []}',
    ],
)
def test_a_partial_notebook_is_still_a_page(notebook: str) -> None:
    assert b"<html" in render(notebook.encode())


def test_what_is_no_notebook_is_said_so() -> None:
    assert b"cannot be read" in render(b"PK\x03\x04")


def test_an_output_that_needs_a_script_says_so() -> None:
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "m"}}
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    cell = {"cell_type": "code", "source": "w", "outputs": [output]}
    assert b"needs a script" in render(json.dumps({"cells": [cell]}).encode())


def test_a_page_is_rendered_once(tmp_path: Path) -> None:
    renderer, notebook = Renderer(tmp_path), json.dumps(executed_notebook()).encode()
    page = renderer.html(notebook)
    (kept,) = tmp_path.rglob("*.html")
    assert kept.read_bytes() == page
    kept.write_bytes(b"from the cache")
    assert renderer.html(notebook) == b"from the cache"


def test_a_dark_page_is_another_one(tmp_path: Path) -> None:
    renderer, notebook = Renderer(tmp_path), json.dumps(executed_notebook()).encode()
    light, dark = renderer.html(notebook), renderer.html(notebook, Theme.DARK)
    assert b"--jp-layout-color0: #111;" in dark
    assert b"--jp-layout-color0: #111;" not in light
    assert renderer.html(notebook) == light
    assert b"<script" not in dark


def test_old_pages_are_forgotten(tmp_path: Path) -> None:
    renderer, notebook = Renderer(tmp_path), json.dumps(executed_notebook()).encode()
    renderer.html(notebook)
    renderer.tidy(datetime.now(UTC) + KEPT - timedelta(minutes=1))
    assert list(tmp_path.rglob("*.html"))
    renderer.tidy(datetime.now(UTC) + KEPT + timedelta(minutes=1))
    assert not list(tmp_path.rglob("*.html"))
