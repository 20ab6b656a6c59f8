"""What people send by mistake: a message that names the cell, and no reading that chokes."""

from __future__ import annotations

from typing import Any

import pytest
from galley.domain.versions import Severity
from galley.errors import InvalidInput
from galley.notebook.limited import analyse_limited

from tests.galley.notebook.builders import INSTALLED, analysed, code, found, notebook


def test_local_modules_that_import_each_other_are_read_once() -> None:
    analysis = analysed(
        notebook("import first\nfirst.go()"),
        first="import second\ndef go():\n    return second.one()",
        second="import first\nfrom third import *\ndef one():\n    return first",
        third="from first import go\nimport third",
    )
    assert analysis.modules == ("first", "second", "third")
    assert analysis.errors == ()


def test_a_package_that_imports_itself_in_a_circle_is_read_once() -> None:
    modules = {
        "pkg/__init__.py": "from .a import f\n",
        "pkg/a.py": "from . import b\ndef f():\n    return b.g()\n",
        "pkg/b.py": "from .a import f\nfrom pkg import a\ndef g():\n    return f\n",
    }
    made = notebook("from pkg import f\nf()")
    analysis = analyse_limited(made, modules, installed=INSTALLED)
    assert analysis.missing_modules == ()
    assert analysis.errors == ()


OUTPUTS: dict[str, dict[str, Any]] = {
    "an image": {"output_type": "display_data", "data": {"image/png": "A" * 50 * 2**20}},
    "text": {"output_type": "stream", "name": "stdout", "text": ["a line of it\n"] * 4_000_000},
    "HTML": {"output_type": "display_data", "data": {"text/html": "<td>1.5</td>" * 4_400_000}},
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_fifty_megabytes_of_outputs_are_told_and_do_no_harm(kind: str) -> None:
    made = notebook(code("x = 1", outputs=[OUTPUTS[kind]]), "print(x)")
    analysis = analyse_limited(made, {}, installed=INSTALLED)
    (check,) = found(analysis, "huge-output")
    assert check.cell == 0
    assert "50." in check.message or "49." in check.message
    assert analysis.errors == ()


def test_an_empty_notebook_has_nothing_to_run() -> None:
    (check,) = analysed(notebook()).checks[:1]
    assert (check.code, check.severity) == ("empty-notebook", Severity.ERROR)
    assert "no code to run" in check.message


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"nbformat": 3, "worksheets": [{"cells": []}]}, "nbformat 3 .*save it once"),
        ({"cells": []}, "nbformat is None"),
    ],
)
def test_what_is_no_notebook_of_today_is_refused(made: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        analyse_limited(made, {}, installed=INSTALLED)


def test_every_syntax_error_names_its_cell_and_line() -> None:
    analysis = analysed(notebook("x = 1", "y = (\n", "z = 1\nif z\n    z"))
    places = [(one.cell, one.line) for one in found(analysis, "syntax-error")]
    assert places == [(1, 1), (2, 2)]
    assert len(analysis.errors) == 2
