from __future__ import annotations

import pytest
from galley.domain.versions import Analysis, Severity
from galley.errors import InvalidInput
from galley.notebook.analysis import analyse
from galley.notebook.imports import imported_as

from .builders import INSTALLED, analysed, found, notebook


def read(source: str, modules: dict[str, str] | None = None) -> Analysis:
    return analyse(notebook(source), modules or {}, INSTALLED)


def test_imports_are_pinned_to_what_is_installed() -> None:
    analysis = read(
        "import numpy as np\nimport os, json\nfrom sklearn.svm import SVC\n"
        "def f():\n    import google.protobuf.message\nimport mlflow"
    )
    assert [(one.name, one.version, one.imports) for one in analysis.requirements] == [
        ("mlflow", "3.17.2", ("mlflow",)),
        ("numpy", "2.4.0", ("numpy",)),
        ("protobuf", "7.0", ("google",)),
        ("scikit-learn", "1.9.1", ("sklearn",)),
    ]
    assert analysis.missing_modules == ()
    assert found(analysis, "missing-import") == []


def test_a_missing_import_is_refused_by_name_with_its_place() -> None:
    analysis = read("x = 1\nimport torch.nn as nn")
    (check,) = found(analysis, "missing-import")
    assert (check.severity, check.cell, check.line) == (Severity.ERROR, 0, 2)
    assert "cell 1 imports `torch`" in check.message
    assert analysis.missing_modules == ("torch",)


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import torch\nexcept ImportError:\n    torch = None",
        "try:\n    import torch\nexcept (KeyError, ModuleNotFoundError):\n    torch = None",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch",
    ],
)
def test_an_optional_import_is_a_warning(source: str) -> None:
    analysis = read(source)
    assert [check.severity for check in found(analysis, "missing-import")] == [Severity.WARNING]
    assert analysis.missing_modules == ("torch",)


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    x\nexcept ImportError:\n    import torch",
        "__import__('torch')",
        "import importlib\nimportlib.import_module('torch.nn')",
    ],
)
def test_an_import_that_matters_is_an_error(source: str) -> None:
    assert [check.severity for check in found(read(source), "missing-import")] == [Severity.ERROR]


def test_local_modules_are_read_too() -> None:
    analysis = read(
        "from helpers import load\nfrom features import scale",
        {
            "helpers.py": "import numpy\nimport more",
            "more.py": "import torch",
            "features/__init__.py": "from .scaling import scale\nfrom . import extra",
            "features/scaling.py": "from ..helpers import x\nfrom .deep.er import y\nscale = 1",
            "features/extra.py": "",
            "features/deep/er.py": "import sklearn",
            "unused.py": "import nothing_of_it",
        },
    )
    assert analysis.modules == (
        "features",
        "features.deep.er",
        "features.extra",
        "features.scaling",
        "helpers",
        "more",
    )
    assert analysis.missing_modules == ("torch",)
    assert [one.name for one in analysis.requirements] == ["numpy", "scikit-learn"]
    (check,) = found(analysis, "missing-import")
    assert "module more.py imports `torch`" in check.message
    assert check.cell is None


def test_modules_that_import_each_other_end() -> None:
    analysis = read("import a", {"a.py": "import b", "b.py": "import a"})
    assert analysis.modules == ("a", "b")


def test_a_local_module_hides_an_installed_one() -> None:
    analysis = read("import numpy", {"numpy.py": "x = 1"})
    assert (analysis.modules, analysis.requirements) == (("numpy",), ())


@pytest.mark.parametrize(
    ("source", "modules", "missing"),
    [
        ("from pkg.sub import x", {"pkg/__init__.py": ""}, ("pkg.sub",)),
        ("from pkg import sub", {"pkg/__init__.py": ""}, ("pkg.sub",)),
        ("from pkg import sub", {"pkg/__init__.py": "sub = 1"}, ()),
        ("from pkg import sub", {"pkg/__init__.py": "from os import *"}, ()),
        ("from pkg import sub", {"pkg/__init__.py": "def __getattr__(n): return n"}, ()),
        ("from pkg import sub", {"pkg/other.py": ""}, ("pkg.sub",)),
        ("import pkg.sub", {"pkg/sub.py": ""}, ()),
        ("from helpers import anything", {"helpers.py": ""}, ()),
        ("from pkg import *", {"pkg/__init__.py": ""}, ()),
    ],
)
def test_missing_parts_of_a_local_package(
    source: str, modules: dict[str, str], missing: tuple[str, ...]
) -> None:
    assert read(source, modules).missing_modules == missing


def test_a_syntax_error_in_a_module_names_the_file() -> None:
    analysis = analysed(notebook("import helpers"), helpers="x = 1\ny = (")
    (check,) = found(analysis, "syntax-error")
    assert check.severity is Severity.ERROR
    assert check.message.startswith("module helpers.py, line 2:")


@pytest.mark.parametrize(
    ("path", "name"),
    [("a.py", "a"), ("a/__init__.py", "a"), ("a/b.py", "a.b"), ("a/b/__init__.py", "a.b")]
    + [(path, None) for path in ("a-b.py", "__init__.py", "a.ipynb", "/a.py", "./a.py", "a//b.py")],
)
def test_names_of_modules(path: str, name: str | None) -> None:
    assert imported_as(path) == name


@pytest.mark.parametrize(
    "path",
    ["/a.py", "../a.py", "a/../b.py", "a.txt", "", "./a.py", "a//b.py", "a/.b.py", "a\nb.py"],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="relative to the notebook's folder") as caught:
        read("x = 1", {path: ""})
    assert caught.value.field == "modules"
