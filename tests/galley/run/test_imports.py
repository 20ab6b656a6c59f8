"""What the cells of a notebook import, and whether they install it first."""

from __future__ import annotations

import nbformat
import pytest
from galley.run.imports import imported_modules, installs_packages


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import a, b.c as d\nfrom e.f import g", ("a", "b.c", "e.f")),
        ("if x:\n    import a", ("a",)),
        ("# import a", ()),
    ],
)
def test_modules_are_found_by_the_look_of_their_lines(
    source: str, modules: tuple[str, ...]
) -> None:
    assert imported_modules([nbformat.v4.new_code_cell(source)]) == modules


@pytest.mark.parametrize(
    ("source", "installs"),
    [
        ("%pip install -q -U x", True),
        ("1\npip install x", True),
        ("!{sys.executable} -m pip install x", True),
        ("!pip3.11 install x", True),
        ("%conda install -y x", True),
        ("!uv add x", True),
        ("%%bash\nmamba update x", True),
        ('subprocess.run([sys.executable, "-m", "pip",\n    "install", "x"])', True),
        ("# !pip install x", False),
        ("%pip list", False),
        ("pipe.install(x)", False),
        ("install = 1", False),
    ],
)
def test_that_packages_are_installed_is_found_by_the_look_of_the_line(
    source: str, *, installs: bool
) -> None:
    assert installs_packages([nbformat.v4.new_code_cell(source)]) == installs
    assert not installs_packages([nbformat.v4.new_markdown_cell(source)])
