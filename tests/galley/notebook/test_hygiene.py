from __future__ import annotations

from typing import Any

import pytest
from galley.domain.versions import Check, Severity

from .builders import analysed, code, found, markdown, notebook

AWS = "AKIA" + "ABCDEFGHIJKLMNOP"
GITHUB = "ghp_" + "a1B2" * 9


def only(made: dict[str, Any], code_: str) -> Check:
    checks = found(analysed(made), code_)
    assert len(checks) == 1, checks
    return checks[0]


@pytest.mark.parametrize(
    "source",
    [
        "open('/home/ada/x.csv')",
        "p = 'C:\\\\data\\\\x.csv'",
        "p = '~/x.csv'",
        "p = f'/data/{name}.csv'\nname = 1",
        "p = 'file:///mnt/share/x.csv'",
        "p = '/tmp/x'",
    ],
)
def test_absolute_paths_are_named(source: str) -> None:
    check = only(notebook(source), "absolute-path")
    assert (check.severity, check.cell, check.line) == (Severity.WARNING, 0, 1)
    assert "/datasets/NAME" in check.message


@pytest.mark.parametrize(
    "source",
    [
        "open('/datasets/sales/x.csv')",
        "p = 'data/x.csv'",
        "url = '/api/v1/things'",
        "p = '/'",
        "p = '/dev/null'",
        "'/home/ada is only a docstring'",
        "x = '''\n/home/ada\n'''",
        "url = 'https://example.org/home/x'",
    ],
)
def test_other_texts_are_no_paths(source: str) -> None:
    assert found(analysed(notebook(source)), "absolute-path") == []


@pytest.mark.parametrize(
    "source",
    [
        "!pip install torch",
        "!python -m pip install -q torch",
        "!{sys.executable} -m pip install torch",
        "!uv pip install torch",
        "%pip install torch",
        "%conda install torch",
        "out = !apt-get install x",
        "%%pip\ninstall torch",
    ],
)
def test_installing_at_run_time_is_named(source: str) -> None:
    assert only(notebook(source), "installs-packages").line == 1


@pytest.mark.parametrize("source", ["!pip list", "%pip list", "!ls", "!echo pip install x"])
def test_other_commands_install_nothing(source: str) -> None:
    assert found(analysed(notebook(source)), "installs-packages") == []


@pytest.mark.parametrize(
    "token",
    [
        AWS,
        GITHUB,
        "glpat-" + "x" * 20,
        "xoxb-" + "1" * 12,
        "AIza" + "x" * 35,
        "hf_" + "x" * 34,
        "sk-proj-" + "x" * 40,
        "dapi" + "0" * 32,
        "-----BEGIN RSA PRIVATE KEY-----",
        "postgresql://ada:hunter2@db.example.org/x",
    ],
)
def test_a_token_of_a_known_shape_stops_publishing(token: str) -> None:
    check = only(notebook(f"a = 1\nkey = {token!r}"), "secret")
    assert (check.severity, check.cell, check.line) == (Severity.ERROR, 0, 2)
    assert token not in check.message


def test_a_token_in_markdown_counts_too() -> None:
    assert only(notebook("x = 1", markdown(f"use {AWS}")), "secret").cell == 1


@pytest.mark.parametrize(
    "source",
    [
        "password = 'hunter2'",
        "config['api_key'] = 'abc123'",
        "connect(user='ada', password='hunter2')",
        "conf = {'db_password': 'hunter2'}",
        "client.auth_token = 'abc123'",
    ],
)
def test_a_password_written_out_is_a_warning(source: str) -> None:
    check = only(notebook(source), "secret")
    assert check.severity is Severity.WARNING
    assert "hunter2" not in check.message


@pytest.mark.parametrize(
    "source",
    [
        "password = os.environ['PASSWORD']",
        "password = ''",
        "password = '<your password>'",
        "token = 'cls'",
        "max_tokens = '128'",
        "url = 'postgresql://db.example.org/x'",
        "sha = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'",
    ],
)
def test_no_secret_no_check(source: str) -> None:
    assert found(analysed(notebook(source)), "secret") == []


def test_a_token_in_an_output_is_a_warning() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": [f"token {GITHUB}\n"]}
    check = only(notebook(code("x = 1", outputs=[output])), "secret-output")
    assert check.severity is Severity.WARNING
    assert GITHUB not in check.message


def test_hidden_state_is_told_once() -> None:
    made = notebook(
        code("a = 1", execution_count=5),
        code("b = 1", execution_count=2),
        code("c = 1"),
        code("d = 1", execution_count=1),
    )
    check = only(made, "hidden-state")
    assert check.cell == 1
    assert "cell 2 was last run before cell 1" in check.message


def test_counts_in_order_are_fine() -> None:
    made = notebook(code("a = 1", execution_count=3), "b = 1", code("c = 1", execution_count=9))
    assert found(analysed(made), "hidden-state") == []


def test_huge_outputs_are_told_with_their_size() -> None:
    made = notebook(code("x", outputs=[{"output_type": "stream", "text": "x" * (3 * 2**20)}]))
    assert "3.0 MiB" in only(made, "huge-output").message


@pytest.mark.parametrize("cells", [(), (markdown("# T"),), ("", "  \n")])
def test_an_empty_notebook_is_an_error(cells: tuple[Any, ...]) -> None:
    assert only(notebook(*cells), "empty-notebook").severity is Severity.ERROR


@pytest.mark.parametrize(
    "metadata",
    [{"kernelspec": {"name": "ir", "language": "R"}}, {"language_info": {"name": "julia"}}],
)
def test_another_language_is_an_error(metadata: dict[str, Any]) -> None:
    assert only(notebook("x = 1", **metadata), "not-python").severity is Severity.ERROR


def test_python_by_any_kernel_name_is_fine() -> None:
    made = notebook("x = 1", kernelspec={"name": "my-env", "language": "python"})
    assert found(analysed(made), "not-python") == []


def test_a_syntax_error_names_cell_and_line() -> None:
    check = only(notebook("x = 1", "y = 1\nfor"), "syntax-error")
    assert (check.severity, check.cell, check.line) == (Severity.ERROR, 1, 2)
    assert check.message.startswith("cell 2, line 2: ")


@pytest.mark.parametrize(
    ("source", "severity"),
    [
        ("x = input('?')", Severity.ERROR),
        ("import getpass\ngetpass.getpass()", Severity.ERROR),
        ("def ask(): return input()", Severity.WARNING),
    ],
)
def test_asking_somebody(source: str, severity: Severity) -> None:
    assert only(notebook(source), "input-call").severity is severity


@pytest.mark.parametrize(
    ("source", "words"),
    [("%run other.py", "runs another file"), ("%store -r x", "%store")],
)
def test_files_that_are_not_published(source: str, words: str) -> None:
    assert words in only(notebook(source), "other-file").message


def test_file_is_not_defined_in_a_notebook() -> None:
    assert "`__file__`" in only(notebook("x = __file__"), "undefined-name").message


def test_an_injected_cell_is_told() -> None:
    check = only(notebook(code("a = 1", "injected-parameters"), "a"), "injected-parameters")
    assert check.severity is Severity.WARNING
