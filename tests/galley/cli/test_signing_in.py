"""login, whoami."""

from __future__ import annotations

from pathlib import Path

from tests.galley.cli.command_line import CommandLine


def test_a_login_is_checked_kept_and_used(galley: CommandLine) -> None:
    token = galley.platform.as_user("ada")["Authorization"].removeprefix("Bearer ")
    config = Path(galley.folder, ".config/galley/config.json")
    wrong = galley.run("login", "--token", "made-up")
    assert wrong.exit_code == 1
    assert not config.exists()
    done = galley.run("login", "--token", token, "--tenant", "playground")
    assert "signed in as ada (oncology, playground)" in done.stdout
    assert config.stat().st_mode & 0o777 == 0o600
    shown = galley.run("whoami", GALLEY_URL=None)
    assert shown.exit_code == 0
    assert "ada, by token" in shown.stdout
    assert "playground: " in shown.stdout
    assert galley.run("pipelines", GALLEY_URL=None).exit_code == 0


def test_without_a_login_it_says_what_to_do(galley: CommandLine) -> None:
    result = galley.run("pipelines")
    assert result.exit_code == 1
    assert "run `galley login`" in result.stderr
