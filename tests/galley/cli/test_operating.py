"""status, doctor, reload, user, backup, restore: what works on GALLEY_HOME itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from galley.cli import main
from galley.domain.settings import Settings
from galley.sandbox.capabilities import Capabilities, probe
from galley.supervisor.home import HomeLock, make_folders, open_home
from galley.supervisor.plan import settings_path
from galley_hub.passwords import Passwords

TENANTS = """
tenants:
  team:
    display_name: Team
    members: {ann: [lead]}
    profiles: {small: {display_name: Small, cpu: 1, memory: 1 GiB}}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A deployment that was started once."""
    home = open_home(tmp_path / "home")
    (home / "tenants.yaml").write_text(TENANTS)
    made = Settings(
        home=home,
        tenants_file=home / "tenants.yaml",
        hub_port=1,
        proxy_api_port=2,
        service_port=3,
        isolation="full",
    )
    make_folders(made)
    settings_path(home).write_text(made.model_dump_json())
    return made


def galley(home: Path, *words: str) -> Result:
    return CliRunner().invoke(main, words, env={"GALLEY_HOME": str(home)})


def sign_in(settings: Settings, user: str, password: str) -> bool:
    return Passwords(settings.hub_state / "passwords.json").verify(user, password)


def test_where_nothing_runs(settings: Settings) -> None:
    status = galley(settings.home, "status")
    assert (status.exit_code, status.stdout) == (
        1,
        f"nothing runs on {settings.home}: `galley up` starts it\n",
    )
    assert galley(settings.home, "status", "--json").stdout == "null\n"
    reload = galley(settings.home, "reload")
    assert reload.exit_code == 1
    assert "the tenants file is read at the next start" in reload.stderr


def test_the_doctor_says_what_was_found(settings: Settings) -> None:
    found = probe()
    shown = galley(settings.home, "doctor")
    assert shown.exit_code == int(not found.isolated)
    facts = json.loads(galley(settings.home, "doctor", "--json").stdout)
    assert facts["isolated"] is found.isolated
    assert facts["left_out"] == ([] if found.isolated else ["team"])
    assert ("isolated from each other" in shown.stdout) is found.isolated


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (0, "reads and signals others"),
        (1, "reads and signals others"),
        (2, "can signal others of its tenant, but not read them"),
        (7, "reaches no other task"),
    ],
)
def test_the_doctor_says_how_a_started_kernel_is_walled_in(
    settings: Settings, version: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Capabilities(isolated=True, internet=True, as_root=True, landlock=version)
    monkeypatch.setattr("galley.cli.operating.probe", lambda: here)
    assert says in galley(settings.home, "doctor").stdout
    assert json.loads(galley(settings.home, "doctor", "--json").stdout)["landlock"] == version
    bare = here.model_copy(update={"isolated": False, "reason": "no bwrap"})
    monkeypatch.setattr("galley.cli.operating.probe", lambda: bare)
    assert "reads and signals others" in galley(settings.home, "doctor").stdout


@pytest.mark.parametrize("what", ["unwalled", "foreign"])
def test_the_doctor_says_what_a_task_is_not_kept_from(
    settings: Settings, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Capabilities(isolated=True, internet=True, as_root=True)
    monkeypatch.setattr("galley.cli.operating.probe", lambda: here)
    assert "A task reads no files of other runs" in galley(settings.home, "doctor").stdout
    assert "A task finds its own processes in /proc" in galley(settings.home, "doctor").stdout
    lacking = here.model_copy(update={what: "mount: refused"})
    monkeypatch.setattr("galley.cli.operating.probe", lambda: lacking)
    assert ": mount: refused" in galley(settings.home, "doctor").stdout
    assert json.loads(galley(settings.home, "doctor", "--json").stdout)[what] == "mount: refused"


@pytest.mark.parametrize("program", [None, Path("/opt/uv")])
def test_the_doctor_says_whether_environments_can_be_made(
    settings: Settings, program: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("galley.cli.operating.find_uv", lambda: program)
    shown = galley(settings.home, "doctor").stdout
    assert ("uv is missing" in shown) is (program is None)
    facts = json.loads(galley(settings.home, "doctor", "--json").stdout)
    assert facts["uv"] == (None if program is None else "/opt/uv")


def test_an_account_is_made_and_its_password_shown_once(settings: Settings) -> None:
    made = galley(settings.home, "user", "add", "ann")
    name, password = made.stdout.split()
    assert name == "ann"
    assert sign_in(settings, "ann", password)
    assert made.stderr == ""
    again = galley(settings.home, "user", "add", "ann")
    assert again.exit_code == 1
    assert "galley user reset ann" in again.stderr
    assert sign_in(settings, "ann", password)


def test_an_account_without_a_tenant_is_told_so(settings: Settings) -> None:
    made = galley(settings.home, "user", "add", "bob")
    assert made.exit_code == 0
    assert "bob is in no tenant yet" in made.stderr
    assert str(settings.tenants_file) in made.stderr


def test_a_new_password_replaces_the_old_one(settings: Settings) -> None:
    old = galley(settings.home, "user", "add", "ann").stdout.split()[1]
    accounts = settings.home / "accounts.txt"
    accounts.write_text(f"# header\nann  {old}  team (lead)\nbob  other  team (lead)\n")
    new = galley(settings.home, "user", "reset", "ann").stdout.split()[1]
    assert not sign_in(settings, "ann", old)
    assert sign_in(settings, "ann", new)
    assert accounts.read_text() == "# header\nbob  other  team (lead)\n"
    unknown = galley(settings.home, "user", "reset", "zoe")
    assert "there is no account 'zoe'; accounts: ann." in unknown.stderr


def test_accounts_need_a_deployment(tmp_path: Path) -> None:
    result = galley(tmp_path / "nowhere", "user", "add", "ann")
    assert result.exit_code == 1
    assert "run `galley up` once" in result.stderr


def test_backup_and_restore(settings: Settings, tmp_path: Path) -> None:
    password = galley(settings.home, "user", "add", "ann").stdout.split()[1]
    file = str(tmp_path / "state.tar.gz")
    made = galley(settings.home, "backup", file)
    assert made.exit_code == 0
    assert "It holds secrets" in made.stdout
    other = settings.model_copy(update={"home": tmp_path / "other"})
    assert galley(other.home, "restore", file).exit_code == 0
    assert sign_in(other, "ann", password)
    refused = galley(settings.home, "restore", file)
    assert refused.exit_code == 1
    assert "is not empty" in refused.stderr
    lock = HomeLock(settings.home)
    in_use = galley(settings.home, "restore", file, "--force")
    lock.release()
    assert "another `galley up` works on" in in_use.stderr
    forced = galley(settings.home, "restore", file, "--force")
    assert "the state that was there is in" in forced.stdout
    assert galley(settings.home, "restore", str(tmp_path / "none.tar.gz")).exit_code == 2
