"""Values for parameters, wherever a command takes them."""

from __future__ import annotations

import pytest
from galley.client import Client
from galley.domain.versions import Version

from tests.galley.cli.command_line import CommandLine

DATES = ("--from", "2026-11-10", "--to", "2026-11-12", "--cron", "0 6 * * *")


@pytest.mark.parametrize(
    "words",
    [
        ("run", "daily-report"),
        ("try", "daily-report"),
        ("backfill", "daily-report", *DATES),
        ("trigger", "add", "daily-report", "hook", "--webhook"),
    ],
)
def test_no_value_is_dropped_where_nothing_is_known_of_the_parameters(
    galley: CommandLine, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    galley.approved()
    known = Client.version_numbered

    def unknown(self: Client, tenant: str, pipeline: str, number: int) -> Version:
        return known(self, tenant, pipeline, number).model_copy(update={"analysis": None})

    monkeypatch.setattr(Client, "version_numbered", unknown)
    refused = galley(*words, "-p", "alpha", "7", user="olga" if "trigger" in words else "ada")
    assert refused.exit_code == 1
    assert "parameters.alpha" in refused.stderr
    assert "version 1 of 'daily-report' has not been analysed" in refused.stderr
    assert "leave out -p" in refused.stderr
    for kind in ("pipeline", "trial"):
        assert galley.read("runs", "--kind", kind) == []
    assert galley.read("trigger", "list") == galley.read("backfills") == []
    if words[0] != "trigger":
        assert galley(*words).exit_code == 0
