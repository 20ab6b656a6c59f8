"""secret set, list, delete, rotate-key."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner, Result
from galley.cli import main
from galley.cli import secrets as commands
from galley.domain.settings import Settings
from galley.store import secrets
from galley.vault import Place, Vault

from tests.galley.cli.command_line import CommandLine

VALUE = "tr0ub4dor & 3"


def with_input(galley: CommandLine, text: str, *words: str, user: str = "olga") -> Result:
    token = galley.platform.as_user(user)["Authorization"].removeprefix("Bearer ")
    env = {"GALLEY_URL": galley.url, "GALLEY_TOKEN": token, "GALLEY_TENANT": "oncology"}
    return CliRunner().invoke(main, words, input=text, env={**env, "COLUMNS": "200"})


def kept(galley: CommandLine, name: str, owner: str = "") -> str:
    sealed = galley.platform.store.read(lambda s: secrets.sealed(s, "oncology", owner, [name]))
    return galley.platform.context.vault.open(Place("oncology", owner, name), sealed[name])


def test_set_from_standard_input_list_and_delete(galley: CommandLine) -> None:
    assert "nor you a personal value" in galley("secret", "list").stdout
    done = with_input(galley, f"{VALUE}\n", "secret", "set", "warehouse", "--description", "reader")
    assert done.exit_code == 0, done.output
    assert done.stdout == "the secret warehouse is set in oncology\n"
    assert kept(galley, "warehouse") == VALUE
    own = with_input(galley, "my own\nlines\n\n", "secret", "set", "key", "--personal", user="ada")
    assert own.stdout == "your personal value of key is set in oncology\n"
    assert kept(galley, "key", "ada") == "my own\nlines\n"
    listed = galley("secret", "list").stdout.splitlines()
    assert re.match(r"key +yours +ada", listed[1])
    assert re.match(r"warehouse +tenant +olga +.* reader", listed[2])
    assert VALUE not in "".join(listed)
    assert [one["name"] for one in galley.read("secret", "list", user="lea")] == ["warehouse"]
    assert galley("secret", "delete", "warehouse", user="ada").exit_code == 1
    gone = galley("secret", "delete", "warehouse", user="olga")
    assert gone.stdout == "the secret warehouse is deleted in oncology\n"
    assert galley("secret", "delete", "key", "--personal").exit_code == 0
    assert galley.read("secret", "list") == []


def test_bad_input_is_one_sentence_without_the_value(galley: CommandLine) -> None:
    short = with_input(galley, "abc\n", "secret", "set", "warehouse")
    assert short.exit_code == 1
    assert "fewer than 4 characters" in short.stderr
    named = with_input(galley, VALUE, "secret", "set", "a b")
    assert "a letter first" in named.stderr
    refused = with_input(galley, VALUE, "secret", "set", "warehouse", user="ada")
    assert "do not include secrets" in refused.stderr
    argument = with_input(galley, "", "secret", "set", "warehouse", VALUE)
    assert argument.exit_code == 2, "a value is never an argument"
    assert galley.read("secret", "list") == []


def test_the_key_is_rotated_while_the_service_runs(galley: CommandLine) -> None:
    with_input(galley, VALUE, "secret", "set", "warehouse")
    settings: Settings = galley.platform.settings
    (settings.home / "settings.json").write_text(settings.model_dump_json())
    before = settings.secret_keys.read_text()
    done = CliRunner().invoke(main, ["secret", "rotate-key", "--home", str(settings.home)])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("1 values are sealed with a new key")
    assert kept(galley, "warehouse") == VALUE
    (new,) = set(settings.secret_keys.read_text().splitlines()) - set(before.splitlines())
    only = Path(settings.home, "only-new")
    only.write_text(new + "\n")
    sealed = galley.platform.store.read(lambda s: secrets.sealed(s, "oncology", "", ["warehouse"]))[
        "warehouse"
    ]
    assert Vault(only).open(Place("oncology", "", "warehouse"), sealed) == VALUE
    assert with_input(galley, "another", "secret", "set", "warehouse").exit_code == 0


def test_a_rotation_that_cannot_open_everything_changes_nothing(galley: CommandLine) -> None:
    with_input(galley, VALUE, "secret", "set", "warehouse")
    settings: Settings = galley.platform.settings
    (settings.home / "settings.json").write_text(settings.model_dump_json())
    right = settings.secret_keys.read_text()
    wrong = re.sub(r"^.{10}", "AAAAAAAAAA", right.splitlines()[-1]) + "\n"
    settings.secret_keys.write_text(wrong)
    done = CliRunner().invoke(main, ["secret", "rotate-key", "--home", str(settings.home)])
    assert done.exit_code == 1
    assert "sealed with a key that is not in" in done.stderr
    assert settings.secret_keys.read_text() == wrong
    settings.secret_keys.write_text(right)
    assert kept(galley, "warehouse") == VALUE
    assert commands.secret.commands.keys() == {"set", "list", "delete", "rotate-key"}
