from __future__ import annotations

import json
from pathlib import Path

import pytest
from scoreboard.collection import notebooks, read, working_copy


def cell(kind: str, source: str) -> dict[str, object]:
    return {"cell_type": kind, "metadata": {}, "source": source}


def write(path: Path, *cells: dict[str, object], **more: object) -> None:
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells), **more}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def test_every_notebook_is_found_and_copied_with_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "books"
    write(folder / "deep" / "a.ipynb", cell("code", "1"))
    write(folder / ".ipynb_checkpoints" / "a.ipynb")
    (folder / "data.csv").write_text("1")
    (found,) = notebooks([folder])
    assert found.name == "books/deep/a.ipynb"
    copy = working_copy(found, tmp_path / "copy")
    assert copy.read_text() == found.path.read_text()
    (tmp_path / "copy" / "data.csv").write_text("2")
    assert (folder / "data.csv").read_text() == "1"


def test_no_notebook_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no \*\.ipynb below"):
        notebooks([tmp_path])


def test_headings_are_counted_outside_of_code(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    write(path, cell("markdown", "# A\n\ntext\n## B\n```\n# no\n```"), cell("code", "# no"))
    seen = read(path)
    assert (seen.headings, seen.coded, seen.language, seen.problem) == (2, 1, "python", None)
    assert seen.cells == [(1, "# no", False)]


@pytest.mark.parametrize("text", ["", "[]", '{"nbformat": 3}', '{"nbformat": 4}', "[" * 99_999])
def test_what_is_not_a_notebook_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    assert read(path).problem
