from __future__ import annotations

from typing import Any

import pytest
from galley.domain.versions import Analysis, Severity
from galley.notebook.analysis import analyse

from tests.galley.notebook.builders import INSTALLED, code, notebook


def read(*cells: Any, modules: dict[str, str] | None = None, declared: Any = None) -> Analysis:
    made = notebook(*cells)
    if declared is not None:
        made["metadata"]["galley"] = {"secrets": declared}
    return analyse(made, modules or {}, INSTALLED)


def named(analysis: Analysis) -> list[tuple[str, int | None, int | None]]:
    return [(one.name, one.cell, one.line) for one in analysis.secrets]


def codes(analysis: Analysis, *wanted: str) -> list[str]:
    return [one.code for one in analysis.checks if one.code in wanted]


def messages(analysis: Analysis, wanted: str) -> list[str]:
    return [one.message for one in analysis.checks if one.code == wanted]


@pytest.mark.parametrize(
    "call",
    [
        "import galley\ngalley.secret('db')",
        "import galley as g\ng.secret(name='db')",
        "from galley import secret\nsecret('d' 'b')",
        "from galley import secret as ask\nask('db')",
        "import galley.client\ngalley.secret('db')",
        "def connect():\n    import galley; return galley.secret('db')",
    ],
)
def test_a_call_with_its_name_written_out(call: str) -> None:
    analysis = read("1", call)
    assert named(analysis) == [("db", 1, 2)]
    assert messages(analysis, "secret-reference") == ["cell 2, line 2 uses the secret 'db'"]
    assert not codes(analysis, "dynamic-secret", "secret-name")


@pytest.mark.parametrize(
    "call",
    [
        "import galley\nn = 'db'\ngalley.secret(n)",
        "import galley\nx = 1\ngalley.secret(f'db{x}')",
        "import galley\n\nlist(map(galley.secret, ['db']))",
        "from galley import secret\n\nask = secret",
        "import galley\n\ngalley.secret(*['db'])",
        "import galley\n\ngalley.secret()",
        "import galley\n\ngalley.secret('db', 'other')",
    ],
)
def test_a_name_that_only_a_run_knows_is_an_error(call: str) -> None:
    analysis = read(call)
    assert named(analysis) == []
    (one,) = [check for check in analysis.checks if check.code == "dynamic-secret"]
    assert (one.severity, one.cell, one.line) == (Severity.ERROR, 0, 3)
    assert one.message.startswith("cell 1, line 3 asks for a secret by a name that is only known")


@pytest.mark.parametrize(
    "source", ["import vault\nvault.secret(x)", "secret('db')", "self.secret(n)", "import secrets"]
)
def test_what_only_looks_like_it(source: str) -> None:
    analysis = read(source)
    assert analysis.secrets == ()
    assert not codes(analysis, "dynamic-secret", "secret-reference", "secret-name")


def test_imports_of_one_cell_count_in_the_others_and_each_call_once() -> None:
    analysis = read("import galley", "galley.secret('a'); galley.secret('a')", "galley.secret('b')")
    assert named(analysis) == [("a", 1, 1), ("b", 2, 1)]


def test_modules_that_are_imported_are_read_too() -> None:
    modules = {
        "helpers.py": "import galley\ndef connect():\n    return galley.secret('db')\n",
        "unused.py": "import galley\ngalley.secret('other')\n",
    }
    analysis = read("import helpers", modules=modules)
    assert named(analysis) == [("db", None, None)]
    assert messages(analysis, "secret-reference") == ["helpers.py, line 3 uses the secret 'db'"]


def test_a_name_that_no_secret_has() -> None:
    analysis = read("import galley\ngalley.secret('my password!')")
    assert codes(analysis, "secret-name", "secret-reference") == ["secret-name"]
    assert analysis.errors


def test_the_function_needs_no_requirement_and_the_rest_of_galley_does() -> None:
    only = read("import galley\nfrom galley import secret")
    assert [one.name for one in only.requirements] == []
    assert only.missing_modules == ()
    more = read("from galley.widgets import RunMonitor")
    assert more.missing_modules == ("galley",) or [one.name for one in more.requirements]


@pytest.mark.parametrize(
    ("declared", "variables"),
    [
        ({"DB_PASSWORD": "db"}, {"DB_PASSWORD": "db"}),
        (["db", "the-mail.password"], {"DB": "db", "THE_MAIL_PASSWORD": "the-mail.password"}),
        ({}, {}),
        ([], {}),
    ],
)
def test_variables_in_the_metadata(declared: Any, variables: dict[str, str]) -> None:
    analysis = read("1", declared=declared)
    assert {one.variable: one.name for one in analysis.secrets} == variables
    assert not analysis.errors


@pytest.mark.parametrize(
    ("declared", "code_", "said"),
    [
        ("db", "secret-metadata", "neither variables with names nor a list"),
        ({"A": 1}, "secret-metadata", "neither"),
        ([1], "secret-metadata", "neither"),
        ({"PATH": "db"}, "secret-metadata", "belongs to the platform"),
        ({"galley_secrets": "db"}, "secret-metadata", "belongs to the platform"),
        ({"LD_PRELOAD": "db"}, "secret-metadata", "belongs to the platform"),
        ({"A=B": "db"}, "secret-metadata", "no name for one"),
        ({"": "db"}, "secret-metadata", "no name for one"),
        (["p w"], "secret-name", "as none can be called"),
    ],
)
def test_bad_metadata_is_an_error(declared: Any, code_: str, said: str) -> None:
    analysis = read("1", declared=declared)
    assert analysis.secrets == ()
    (message,) = messages(analysis, code_)
    assert said in message
    assert analysis.errors


def test_a_notebook_in_another_language_has_variables() -> None:
    made = notebook(code("cat(Sys.getenv('DB'))"))
    made["metadata"] |= {
        "kernelspec": {"name": "ir", "language": "R"},
        "galley": {"secrets": ["db"]},
    }
    assert [one.variable for one in analyse(made, {}, INSTALLED).secrets] == ["DB"]
