from __future__ import annotations

from tests.galley.cli.command_line import CommandLine

DAILY = ("--cron", "30 2 * * *", "--timezone", "Europe/Berlin")


def approve(galley: CommandLine, *schedule: str) -> None:
    done = galley("publish", galley.notebook(), "--no-wait", *schedule)
    assert done.exit_code == 0, done.output
    galley.platform.run_through("oncology", "ada")
    for user in ("lea", "max"):
        assert galley("approve", "daily-report", user=user).exit_code == 0


def test_dates_in_the_zone_of_the_schedule_with_changes_of_the_clock(galley: CommandLine) -> None:
    assert "Nothing ran" in galley("calendar").stdout
    approve(galley, *DAILY)
    shown = galley("calendar", "daily-report", "--from", "2027-03-27", "--to", "2027-03-28")
    assert shown.exit_code == 0, shown.output
    head, first, second, clock = shown.stdout.splitlines()
    assert head.split() == ["DATE", "PIPELINE", "STATE", "REASON"]
    assert first.split()[:5] == ["2027-03-27", "02:30", "daily-report", "○", "upcoming"]
    assert "jumps over the scheduled time" in second
    assert clock == "2027-03-28: the clock of Europe/Berlin goes forward by 60 min"

    (day, *_) = galley.read("calendar")["days"]
    assert day["entries"][0]["pipeline"] == "daily-report"


def test_what_fires_often_is_summed(galley: CommandLine) -> None:
    approve(galley, "--cron", "* * * * *")
    shown = galley("calendar", "--from", "2027-01-02", "--to", "2027-01-03").stdout.splitlines()
    assert [line.split() for line in shown[1:]] == [
        ["2027-01-02", "daily-report", "Σ", "1440", "upcoming"],
        ["2027-01-03", "daily-report", "Σ", "1440", "upcoming"],
    ]


def test_days_that_are_none(galley: CommandLine) -> None:
    refused = galley("calendar", "--from", "31.12.")
    assert (refused.exit_code, "'31.12.' is neither a day" in refused.stderr) == (1, True)
    refused = galley("calendar", "--from", "2026-01-01", "--to", "2027-01-01")
    assert "at most 100" in refused.stderr
    refused = galley("calendar", "nothing")
    assert "no pipeline" in refused.stderr
