from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from galley.service import rendering
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
        '{"metadata": {"language_info": {"name": "python", "pygments_lexer": [1]}}, "cells": []}',
        '{"metadata": {"language_info": {"name": "a", "codemirror_mode": 7}}, "cells": []}',
    ],
)
def test_a_partial_notebook_is_still_a_page(notebook: str) -> None:
    page = render(notebook.encode())
    assert b"<html" in page
    assert b"cannot be shown" not in page


def test_what_is_no_notebook_is_said_so() -> None:
    assert b"cannot be read" in render(b"PK\x03\x04")
    assert b"cannot be read" in render(b"[" * 100_000)


def test_an_output_that_needs_a_script_says_so() -> None:
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "m"}}
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    cell = {"cell_type": "code", "source": "w", "outputs": [output]}
    assert b"needs a script" in render(json.dumps({"cells": [cell]}).encode())


def cells(*made: dict[str, object]) -> bytes:
    return json.dumps({"cells": made}).encode()


def markdown(source: str, **more: object) -> dict[str, object]:
    return {"cell_type": "markdown", "source": source, **more}


def shown(**data: str) -> dict[str, object]:
    forms = {name.replace("_", "/"): text for name, text in data.items()}
    output = {"output_type": "display_data", "metadata": {}, "data": forms}
    return {"cell_type": "code", "source": "shown", "outputs": [output]}


@pytest.mark.parametrize(
    "cell",
    [
        markdown("![x](secret.db)"),
        markdown("![x](below/secret.db)"),
        markdown("<img src='secret.db'>"),
        shown(text_markdown="![x](secret.db)"),
        shown(text_html="<img src='secret.db'>"),
        shown(text_latex="![x](secret.db)"),
    ],
)
def test_no_file_of_the_service_is_read(
    cell: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()
    for place in (tmp_path, tmp_path / "below"):
        (place / "secret.db").write_text("of all tenants")
    monkeypatch.chdir(tmp_path)
    page = render(cells(cell)).decode()
    assert "secret.db" in page
    assert b64encode(b"of all tenants").decode() not in page


@pytest.mark.parametrize(
    ("reference", "name"), [("i.png", "i.png"), ("my%20i.png", "my i.png"), ("a%20b", "a%20b")]
)
def test_a_pasted_picture_is_shown(reference: str, name: str) -> None:
    picture = {name: {"image/png": "iVBORw0KGgo="}}
    page = render(cells(markdown(f"![i](attachment:{reference})", attachments=picture)))
    assert b'src="data:image/png;base64,iVBORw0KGgo="' in page


@pytest.mark.parametrize("kept", [None, 7, {"i.png": {}}, {"i.png": 3}, {"other": {"a/b": "c"}}])
def test_a_picture_that_is_not_there_hides_nothing_else(kept: object) -> None:
    cell = markdown("![i](attachment:i.png) and **this**", attachments=kept)
    page = render(cells(cell, markdown("the next")))
    assert b"attachment:i.png is not in this notebook" in page
    assert b"<strong>this</strong>" in page
    assert b"the next" in page


@pytest.mark.parametrize(
    "cell",
    [
        markdown(r"so $\frac{a}{b}$ it is"),
        markdown(r"$$\frac{a}{b}$$"),
        markdown(r"# Of $\frac{a}{b}$"),
        markdown(r"\begin{equation}\frac{a}{b}\end{equation}"),
        shown(text_latex=r"$\displaystyle \frac{a}{b}$", text_plain="a/b"),
    ],
)
def test_a_formula_is_one(cell: dict[str, object]) -> None:
    page = render(cells(cell)).decode()
    assert "<mfrac>" in page
    assert r"\frac" not in page


def test_what_is_no_formula_is_shown_as_it_is_written() -> None:
    page = render(cells(markdown(r"it cost \$5, not $\left( x$; $" + "x" * 20_001 + "$"))).decode()
    assert "it cost $5, not" in page
    assert r"$\left( x$" in page
    assert "x" * 20_001 in page


def test_what_cannot_be_rendered_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(document: object) -> dict[str, object]:
        raise RecursionError(document)

    monkeypatch.setattr(rendering, "completed", fail)
    assert b"cannot be shown here. Download it" in render(cells(markdown("text")))


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
