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
def test_another_language_is_one_task_and_said(metadata: dict[str, Any]) -> None:
    made = notebook("library(dplyr)\nx <- 1 %>% f", "m[1, ] <- 2", **metadata)
    analysis = analysed(made)
    (check,) = analysis.checks
    assert (check.code, check.severity) == ("not-python", Severity.WARNING)
    assert "no packages are locked" in check.message
    assert analysis.split is not None
    assert len(analysis.split.tasks) == 1
    assert "Galley reads only Python" in str(analysis.split.reason)


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
    [
        ("%run ../other.py", "runs another file"),
        ("%load a.py", "loads another file"),
        ("%store -r x", "%store"),
    ],
)
def test_files_that_are_not_published(source: str, words: str) -> None:
    assert words in only(notebook(source), "other-file").message


def test_file_is_not_defined_in_a_notebook() -> None:
    assert "`__file__`" in only(notebook("x = __file__"), "undefined-name").message


def test_an_injected_cell_is_told() -> None:
    check = only(notebook(code("a = 1", "injected-parameters"), "a"), "injected-parameters")
    assert check.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("output", "where"),
    [
        ({"output_type": "execute_result", "data": {"text/html": [f"<b>{GITHUB}", "</b>"]}}, 0),
        ({"output_type": "display_data", "data": {"application/json": {"a": [{"b": AWS}]}}}, 0),
        ({"output_type": "error", "ename": "E", "evalue": AWS, "traceback": []}, 0),
        ({"output_type": "error", "ename": "E", "evalue": "", "traceback": ["x", AWS]}, 0),
        ({"output_type": "display_data", "data": {}, "metadata": {"key": AWS}}, 0),
    ],
)
def test_every_kind_of_output_is_searched(output: dict[str, Any], where: int) -> None:
    check = only(notebook(code("x = 1", outputs=[output])), "secret-output")
    assert check.cell == where
    assert AWS not in check.message
    assert GITHUB not in check.message


def test_an_image_is_no_text() -> None:
    output = {"output_type": "display_data", "data": {"image/png": f"iVBOR {AWS}"}}
    assert found(analysed(notebook(code("x = 1", outputs=[output]))), "secret-output") == []


def test_what_stands_behind_much_output_is_not_searched_and_that_is_said() -> None:
    text = "x " * 2**20 + f"{AWS} "
    made = notebook(code("x", outputs=[{"output_type": "stream", "text": text + text}]))
    assert found(analysed(made), "secret-output") == []
    assert "the first 1 MiB of text was searched" in only(made, "huge-output").message


@pytest.mark.parametrize(
    "token",
    [
        "aws_secret_access_key = '" + "abcd1234EF" * 4 + "'",
        "npm_" + "a1B2" * 9,
        "SG." + "a" * 22 + "." + "b" * 43,
        "sk_live_" + "a1B2" * 6,
        "https://hooks.slack.com/services/" + "T000/B000/abc",
        "SK" + "0a1b2c3d" * 4,
        "github_pat_" + "a1B2" * 16,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlc2ln",
    ],
)
def test_tokens_that_the_detector_knows(token: str) -> None:
    check = only(notebook(f"a = 1\n# {token}"), "secret")
    assert (check.severity, check.line) == (Severity.ERROR, 2)
    assert token not in check.message


def test_a_secret_in_the_metadata_of_the_notebook_or_a_cell() -> None:
    made = notebook("x = 1", mine={"deep": [{"key": AWS}]})
    check = only(made, "secret")
    assert (check.cell, check.severity) == (None, Severity.ERROR)
    assert "the metadata of the notebook holds what looks like an AWS access key" in check.message
    made = notebook("x = 1", code("y = 2", metadata={"mine": {"url": "s3://u:pw12@h"}}))
    assert only(made, "secret").cell == 1


@pytest.mark.parametrize(
    ("source", "hosts"),
    [
        ("get('https://data.example.org/x.csv')", "the host data.example.org;"),
        ("u = f'http://API.example.org:8080/{x}'\nx = 1", "the host api.example.org;"),
        ("!curl -O https://example.org/x", "the host example.org;"),
        ("%%bash\ncurl https://example.org/x # https://no.example", "the host example.org;"),
        ("c = connect(host='db.example.org')", "the host db.example.org;"),
        ("DB_HOST = 'db.example.org'", "the host db.example.org;"),
        ("u = 'http://localhost:5000'", "the host localhost;"),
        ("p = 's3://my-bucket/x'", "the host s3://my-bucket;"),
        ("a = 'http://a.org'\nb = 'http://b.org http://a.org'", "the hosts a.org, b.org;"),
    ],
)
def test_hosts_are_listed(source: str, hosts: str) -> None:
    check = only(notebook("import os", source), "network-host")
    assert hosts in check.message
    assert (check.severity, check.cell) == (Severity.INFO, 1)


def test_a_host_is_told_without_the_password_before_it() -> None:
    made = notebook("u = 'postgresql://ada:hunter2@db.example.org/x'")
    check = only(made, "network-host")
    assert "hunter2" not in check.message
    assert "db.example.org" in check.message


@pytest.mark.parametrize(
    "source",
    [
        "'https://example.org is only a docstring'",
        "# https://example.org",
        "u = 'file:///x/y'",
        "u = 'sqlite:///x.db'",
        "ns = 'http://www.w3.org/2000/svg'",
        "host = 'plain'",
        "x = 'a.b'",
    ],
)
def test_no_host_no_check(source: str) -> None:
    assert found(analysed(notebook(source)), "network-host") == []


@pytest.mark.parametrize(
    "call", ["exit()", "quit()", "sys.exit(1)", "os._exit(0)", "os.kill(os.getpid(), 9)"]
)
def test_a_cell_that_ends_the_kernel_is_told(call: str) -> None:
    check = only(notebook("import os, sys", f"x = 1\nif x:\n    {call}"), "ends-kernel")
    assert (check.severity, check.cell, check.line) == (Severity.WARNING, 1, 3)


@pytest.mark.parametrize(
    "call", ["os.kill(os.getpid(), 0)", "os.kill(os.getpid(), signal.SIGUSR1)", "os.kill(pid, 9)"]
)
def test_other_signals_end_no_kernel(call: str) -> None:
    assert found(analysed(notebook(f"import os, signal\n{call}")), "ends-kernel") == []
