"""The local modules of a notebook: found by what is missing, never outside of its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from galley.client import modules as limits
from galley.client.modules import collect_modules
from galley.domain.versions import Analysis
from galley.errors import InvalidInput, NotFound, TooLarge
from galley.notebook.analysis import analyse as analyse_notebook
from galley.notebook.installed import Installed


def analyse(notebook: dict[str, Any], modules: dict[str, str]) -> Analysis:
    return analyse_notebook(notebook, modules, Installed(modules={}))


def save(folder: Path, code: str) -> Path:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": code, "outputs": []}
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [{**cell, "execution_count": None}],
    }
    path = folder / "report.ipynb"
    path.write_text(json.dumps(notebook))
    return path


def test_modules_that_import_modules_are_found(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text("import second\n")
    (tmp_path / "second.py").write_text("x = 1\n")
    (tmp_path / "unused.py").write_text("y = 1\n")
    found = collect_modules(save(tmp_path, "import first"), analyse)
    assert found.modules == {"first.py": "import second\n", "second.py": "x = 1\n"}
    assert found.analysis.missing_modules == ()
    assert found.notebook["cells"][0]["source"] == "import first"


def test_a_package_brings_its_python_files(tmp_path: Path) -> None:
    for name in ("pkg/__init__.py", "pkg/deep/__init__.py", "pkg/deep/a.py", "pkg/.hidden/b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "pkg" / "data.csv").write_text("1")
    found = collect_modules(save(tmp_path, "from pkg.deep.a import x"), analyse)
    assert sorted(found.modules) == ["pkg/__init__.py", "pkg/deep/__init__.py", "pkg/deep/a.py"]


def test_files_that_are_run_are_found_too(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "my-setup.py").write_text("import helpers\n")
    (tmp_path / "helpers.py").write_text("x = 1\n")
    save(tmp_path, "%run sub/my-setup.py").rename(tmp_path / "common.ipynb")
    found = collect_modules(save(tmp_path, "%run common\n%run common.ipynb"), analyse)
    assert sorted(found.modules) == ["common.ipynb", "helpers.py", "sub/my-setup.py"]
    assert '"outputs": []' in found.modules["common.ipynb"]
    assert found.analysis.scripts == ("common.ipynb", "sub/my-setup.py")
    assert found.analysis.missing_scripts == ("common.py",)


def test_a_file_outside_of_the_folder_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.py").write_text("x = 1\n")
    (tmp_path / "inner" / "link.py").symlink_to(tmp_path / "secret.py")
    found = collect_modules(save(tmp_path / "inner", "%run link.py\n%run ../secret.py"), analyse)
    assert (found.modules, found.analysis.missing_scripts) == ({}, ("link.py",))


def test_what_is_nowhere_stays_missing(tmp_path: Path) -> None:
    found = collect_modules(save(tmp_path, "import nowhere_to_be_found"), analyse)
    assert found.modules == {}
    assert found.analysis.missing_modules == ("nowhere_to_be_found",)


def test_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("password = 'hunter2'\n")
    folder = tmp_path / "work"
    (folder / "pkg").mkdir(parents=True)
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "pkg" / "linked.py").symlink_to(outside / "secret.py")
    (folder / "linked.py").symlink_to(outside / "secret.py")
    (folder / "linkedpkg").symlink_to(outside)
    code = "import linked, linkedpkg, linkedpkg.secret\nfrom pkg import linked as other"
    found = collect_modules(save(folder, code), analyse)
    assert found.modules == {"pkg/__init__.py": ""}


def test_a_link_within_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_text("x = 1\n")
    (tmp_path / "alias.py").symlink_to(tmp_path / "real.py")
    found = collect_modules(save(tmp_path, "import alias"), analyse)
    assert found.modules == {"alias.py": "x = 1\n"}


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_MODULES", 10)
    (tmp_path / "big.py").write_text("x = 1  # " + "x" * 10)
    with pytest.raises(TooLarge, match=r"big\.py was the one too many"):
        collect_modules(save(tmp_path, "import big"), analyse)
    monkeypatch.setattr(limits, "MAX_NOTEBOOK", 10)
    with pytest.raises(TooLarge, match="clear its outputs"):
        collect_modules(save(tmp_path, "1"), analyse)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not json", "is not a notebook"),
        (b"[1]", "a JSON list"),
        (b'{"cells": []}', "nbformat is None"),
        (b'{"nbformat": 4, "cells": {}}', "no list of cells"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_what_is_no_notebook_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "odd.ipynb"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=message) as caught:
        collect_modules(path, analyse)
    assert caught.value.field == "notebook"


def test_a_module_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes("x = 'ä'\n".encode("latin-1"))
    with pytest.raises(InvalidInput, match=r"latin\.py is not UTF-8"):
        collect_modules(save(tmp_path, "import latin"), analyse)


def test_a_notebook_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no\.ipynb"):
        collect_modules(tmp_path / "no.ipynb", analyse)


def test_requirements_beside_the_notebook_go_along(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# ours\n\nhumanize==4.9.0\npandas>=2\n")
    found = collect_modules(save(tmp_path, "import humanize"), analyse)
    assert found.notebook["metadata"]["galley"] == {
        "requirements": ["humanize==4.9.0", "pandas>=2"]
    }
    assert found.analysis.stated == ("humanize==4.9.0", "pandas>=2")
    assert found.analysis.missing_modules == ()
    assert json.loads((tmp_path / "report.ipynb").read_text())["metadata"] == {}


def test_what_the_notebook_states_itself_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-e .\n")
    path = save(tmp_path, "import humanize")
    notebook = json.loads(path.read_text())
    notebook["metadata"] = {"galley": {"requirements": ["humanize"], "other": 1}}
    path.write_text(json.dumps(notebook))
    found = collect_modules(path, analyse)
    assert found.notebook["metadata"]["galley"] == {"requirements": ["humanize"], "other": 1}
