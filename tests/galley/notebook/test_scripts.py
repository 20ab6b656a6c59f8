"""Files that ``%run`` runs: found, read, repeated where they only define, sent along bare."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from galley.domain.documents import sent_along
from galley.domain.versions import Analysis, Severity
from galley.errors import InvalidInput
from galley.notebook.analysis import analyse
from galley.notebook.scripts import readable, script_of, statements_of

from .builders import INSTALLED, code, found, markdown, notebook
from .test_split import loads, plan, sections

HELPERS = (
    "import math\n\nLIMIT = 3\n\n\ndef load(n):\n    return [math.sqrt(i) for i in range(n)]\n"
)


def book(*cells: Any) -> str:
    return json.dumps(notebook(*cells))


def read(*cells: Any, **files: str) -> Analysis:
    sent = {name.replace("__", "."): text for name, text in files.items()}
    return analyse(notebook(*cells), sent, INSTALLED)


def source_of(path: str, files: dict[str, str]) -> str | None:
    nodes = statements_of(path, files)
    return None if nodes is None else ast.unparse(ast.Module(nodes, []))


@pytest.mark.parametrize(
    ("argument", "path"),
    [
        ("helpers.py", "helpers.py"),
        ("helpers", "helpers.py"),
        ("./helpers.py", "helpers.py"),
        ("my-helpers.py", "my-helpers.py"),
        ("'two words.ipynb'", "two words.ipynb"),
        ("sub/setup.ipynb -v 3", "sub/setup.ipynb"),
        ("-i helpers.py", "helpers.py"),
        ("v1.2", "v1.2.py"),
        *((other, None) for other in ("", "../a.py", "/a.py", "~/a.py", "$name", "{name}.py")),
        *((other, None) for other in ("-m json.tool", "-n a.py", ".hidden.py", "'open", "a/../b")),
    ],
)
def test_what_is_run(argument: str, path: str | None) -> None:
    assert script_of(argument) == path


def test_a_notebook_is_read_by_its_code() -> None:
    files = {
        "setup.ipynb": book(markdown("# Text"), "a = 1", "%matplotlib inline", "!ls\nb = a"),
    }
    assert source_of("setup.ipynb", files) == (
        "a = 1\nget_ipython().run_line_magic('matplotlib', 'inline')\n"
        "get_ipython().system('ls')\nb = a"
    )
    assert (
        readable("setup.ipynb", files["setup.ipynb"])
        == "a = 1\n\n%matplotlib inline\n\n!ls\nb = a\n"
    )


@pytest.mark.parametrize("source", ["%%bash\nls", "a = (", "%%time\na = 1"])
def test_what_cannot_be_read_has_no_statements(source: str) -> None:
    assert source_of("setup.ipynb", {"setup.ipynb": book("a = 1", source)}) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"nbformat": 3}'])
def test_what_is_no_notebook_has_no_statements(text: str) -> None:
    assert source_of("setup.ipynb", {"setup.ipynb": text}) is None
    assert readable("setup.ipynb", text) == text
    (check,) = found(read("%run setup.ipynb", setup__ipynb=text), "unreadable-script")
    assert (check.severity, check.cell) == (Severity.ERROR, 0)


def test_files_run_others_and_no_file_runs_itself_for_ever() -> None:
    files = {
        "a.ipynb": book("%run b.ipynb", "x = 1"),
        "b.ipynb": book("y = 2", "%run a.ipynb"),
    }
    assert source_of("a.ipynb", files) == (
        "y = 2\nget_ipython().run_line_magic('run', 'a.ipynb')\nx = 1"
    )
    analysis = read("%run a.ipynb", a__ipynb=files["a.ipynb"], b__ipynb=files["b.ipynb"])
    assert analysis.scripts == ("a.ipynb", "b.ipynb")
    function = book("def f():\n    get_ipython().run_line_magic('run', 'a.ipynb')\n    return 1")
    assert read(*sections("%run a.ipynb", "f()"), a__ipynb=function).scripts == ("a.ipynb",)


def test_what_they_import_is_wanted() -> None:
    analysis = read(
        "%run setup.ipynb", setup__ipynb=book("import numpy, helpers"), helpers__py="import mlflow"
    )
    assert [one.name for one in analysis.requirements] == ["mlflow", "numpy"]
    assert (analysis.scripts, analysis.modules) == (("setup.ipynb",), ("helpers",))
    # IPython reads a notebook by nbformat, which this environment has not.
    assert analysis.missing_modules == ("nbformat",)
    (missing,) = found(read("%run a.py", a__py="import torch"), "missing-import")
    assert missing.message.startswith("a.py, run by cell 1, imports `torch`")


@pytest.mark.parametrize(
    ("source", "tags", "severity"),
    [
        ("%run a.py", (), Severity.ERROR),
        ("%run a.py", ("raises-exception",), Severity.WARNING),
        ("if True:\n    %run a.py", (), Severity.WARNING),
    ],
)
def test_what_is_not_there_is_named(source: str, tags: Any, severity: Severity) -> None:
    analysis = read(code(source, *tags))
    (check,) = found(analysis, "missing-script")
    assert (check.severity, check.cell) == (severity, 0)
    assert check.message == "cell 1 runs 'a.py', and there is no such file beside the notebook"
    assert analysis.missing_scripts == ("a.py",)
    (nested,) = found(read("%run b.ipynb", b__ipynb=book("%run a.py")), "missing-script")
    assert nested.message == "b.ipynb runs 'a.py', and there is no such file beside the notebook"


def test_what_a_file_imports_is_wanted_also_where_not_all_of_it_is_read() -> None:
    shell = book("import numpy", "%%bash\nls", "%run more.py")
    analysis = read("%run setup.ipynb", setup__ipynb=shell, more__py="import mlflow")
    assert [one.name for one in analysis.requirements] == ["mlflow", "numpy"]
    assert analysis.scripts == ("more.py", "setup.ipynb")


def test_names_that_a_file_defines_are_defined() -> None:
    analysis = read("%run helpers.py", "load(LIMIT)", "lod(LIMIT)", helpers__py=HELPERS)
    assert ["`lod`" in one.message for one in found(analysis, "undefined-name")] == [True]


def test_a_file_that_only_defines_is_repeated() -> None:
    cells = sections(
        "%run helpers.py\nprint(LIMIT)", "rows = load(LIMIT)", "more = load(len(rows))"
    )
    made = plan(*cells, modules={"helpers.py": HELPERS})
    assert made.reason is None
    assert loads(made) == [("part_2", "part_1", ("rows",))]
    for task in made.tasks[1:]:
        assert [one.source for one in task.fragments] == ["%run helpers.py"]


def test_a_file_that_works_runs_once() -> None:
    cells = sections("%run helpers.py", "rows = load(LIMIT)", "more = load(len(rows))")
    made = plan(*cells, modules={"helpers.py": HELPERS + "big = load(10**6)\n"})
    assert loads(made) == [
        ("part_1", "part_0", ("LIMIT", "load", "math")),
        ("part_2", "part_0", ("load", "math")),
        ("part_2", "part_1", ("rows",)),
    ]
    assert not any(task.fragments for task in made.tasks)


def test_a_name_that_is_bound_anew_is_not_bound_back() -> None:
    cells = sections("%run helpers.py\nLIMIT = count()", "rows = load(LIMIT)")
    made = plan(*cells, modules={"helpers.py": HELPERS})
    assert loads(made) == [("part_1", "part_0", ("LIMIT",))]
    # What is repeated comes before what is loaded.
    assert [one.source for one in made.tasks[1].fragments] == ["%run helpers.py"]


def test_secrets_in_files_that_go_along_are_refused() -> None:
    key = "AKIA" + "ABCDEFGHIJ234567"
    for name, text in {
        "a__py": f"key = '{key}'",
        "a__ipynb": book("x = 1", f"key = '{key}'"),
    }.items():
        path = name.replace("__", ".")
        (check,) = found(read(f"%run {path}", **{name: text}), "secret")
        assert check.severity is Severity.ERROR
        assert check.message.startswith(
            f"{path}, line {'1' if path == 'a.py' else '3 of its code'} holds"
        )
        assert key not in check.message
    assert found(read("x = 1", a__py=f"key = '{key}'"), "secret") == []


def test_a_notebook_goes_along_without_what_it_showed() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "secret"}
    made = notebook(markdown("# T"), code("x = 1", outputs=[output], execution_count=7), hidden="y")
    bare = sent_along("a.ipynb", json.dumps(made))
    assert "secret" not in bare
    assert "hidden" not in bare
    assert [one["source"] for one in json.loads(bare)["cells"]] == ["x = 1"]
    assert sent_along("a.ipynb", bare) == bare
    assert sent_along("a.py", '{"a":   1}') == '{"a":   1}'


@pytest.mark.parametrize(
    "text",
    [
        "no notebook",
        '{"nbformat": 3, "worksheets": []}',
        json.dumps(notebook("x = '\\ud800'")).replace("\\\\", "\\"),
    ],
)
def test_what_cannot_be_made_bare_does_not_go_along(text: str) -> None:
    with pytest.raises(InvalidInput):
        sent_along("a.ipynb", text)
    (check,) = found(read("%run a.ipynb", a__ipynb=text), "unreadable-script")
    assert "cell 1 runs 'a.ipynb', which cannot be sent along" in check.message


def test_files_that_run_each_other_over_and_over_are_not_read() -> None:
    files = {f"f{at}.ipynb": book(*[f"%run f{at + 1}.ipynb"] * 2) for at in range(30)}
    assert statements_of("f0.ipynb", files) is None
    assert script_of("x" * 300) is None
