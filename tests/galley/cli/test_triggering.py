"""trigger."""

from __future__ import annotations

import hashlib
import hmac

import httpx

from tests.galley.cli.command_line import CommandLine


def test_a_webhook_is_added_called_listed_and_removed(galley: CommandLine) -> None:
    galley.approved()
    assert "galley trigger add" in galley("trigger", "list").stdout
    made = galley("trigger", "add", "daily-report", "ci", "--webhook", user="olga")
    assert made.exit_code == 0, made.output
    words = made.stdout.split()
    address, secret = (words[words.index(name) + 1] for name in ("address:", "secret:"))
    timestamp = str(int(galley.platform.clock().timestamp()))
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode(), hashlib.sha256).hexdigest()
    headers = {"Galley-Timestamp": timestamp, "Galley-Signature": f"v1={signed}"}
    answer = httpx.post(address, headers=headers)
    assert answer.status_code == 202, answer.text
    (row,) = galley("trigger", "log", "daily-report", "ci").stdout.splitlines()[1:]
    assert answer.json()["run"] in row
    assert "request=" in row
    assert "{" not in row
    (row,) = galley("trigger", "list").stdout.splitlines()[1:]
    assert row.split()[:4] == ["daily-report", "ci", "webhook", "on"]
    assert "is paused" in galley("trigger", "pause", "daily-report", "ci").stdout
    (row,) = galley("trigger", "list", "--pipeline", "daily-report").stdout.splitlines()[1:]
    assert "paused by ada" in row
    assert "on again" in galley("trigger", "resume", "daily-report", "ci").stdout
    renewed = galley("trigger", "renew", "daily-report", "ci", user="olga").stdout
    assert "secret:" in renewed
    assert secret not in renewed
    gone = galley("trigger", "remove", "daily-report", "ci", user="olga")
    assert "is removed" in gone.stdout
    assert galley.read("trigger", "list") == []


def test_a_trigger_is_changed_and_the_rest_of_it_stays(galley: CommandLine) -> None:
    for slug in ("daily-report", "orders", "stock"):
        galley.platform.approved(slug)
    add = ("trigger", "add", "daily-report", "after", "--after", "orders", "-p", "alpha", "3")
    assert galley(*add, user="olga").exit_code == 0
    change = ("trigger", "change", "daily-report", "after")
    day = '{{ logical_date | date("%d") }}'
    first = galley.read(*change, "-p", "alpha", day, user="olga")
    assert (first["source"]["pipelines"], first["parameters"]) == (["orders"], {"alpha": day})
    second = galley.read(*change, "--after", "stock", user="olga")
    assert (second["source"]["pipelines"], second["parameters"]) == (["stock"], {"alpha": day})
    third = galley.read(*change, "--without", "alpha", user="olga")
    assert (third["source"]["pipelines"], third["parameters"]) == (["stock"], {})
    assert galley.read(*change, "--deadline", "600", user="olga")["deadline_s"] == 600
    assert "is changed" in galley(*change, "-p", "alpha", "4", user="olga").stdout
    (kept,) = galley.read("trigger", "list")
    assert kept["deadline_s"] == 600
    assert galley.read(*change, "--deadline", "0", user="olga")["deadline_s"] is None
    for words, told in (
        (("--every", "20"), "--every goes with --file"),
        (("--file", "/datasets/none/a"), "source"),
        (("--without", "beta"), "--without"),
        (("-p", "alpha", "{{ logical_date.year }}"), "parameters.alpha"),
    ):
        done = galley(*change, *words, user="olga")
        assert done.exit_code != 0
        assert told in done.stderr
    assert "no trigger 'x'" in galley(*change[:3], "x", user="olga").stderr
    (left,) = galley.read("trigger", "list")
    assert (left["source"]["pipelines"], left["parameters"]) == (["stock"], {"alpha": 4})


def test_others_and_mistakes(galley: CommandLine) -> None:
    galley.approved()
    made = galley.read(
        *("trigger", "add", "daily-report", "landing", "-p", "alpha", "3"),
        *("--webhook",),
        user="olga",
    )
    assert made["trigger"]["parameters"] == {"alpha": 3}

    def add(*words: str, user: str = "olga") -> tuple[int, str]:
        done = galley("trigger", "add", "daily-report", "other", *words, user=user)
        return done.exit_code, done.stderr

    assert add()[0] == 2
    assert add("--webhook", "--after", "x")[0] == 2
    assert add("--webhook", "--every", "20")[0] == 2
    assert "daily-report → daily-report" in add("--after", "daily-report")[1]
    assert "no pipeline 'orders'" in add("--after", "orders")[1]
    assert "source.url" in add("--file", "/datasets/none/a")[1]
    assert "10<=x<=86400" in add("--file", "/datasets/none/a", "--every", "1")[1]
    assert "--file: String should have at most 1000" in add("--file", "x" * 1001)[1]
    assert "do not include deploy" in add("--webhook", user="ada")[1]
    assert len(galley.read("trigger", "list")) == 1
