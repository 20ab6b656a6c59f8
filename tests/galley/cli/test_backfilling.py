"""backfill, backfills."""

from __future__ import annotations

from tests.galley.cli.command_line import CommandLine

RANGE = ("--from", "2026-11-10", "--to", "2026-11-12", "--cron", "0 6 * * *")
BERLIN = (*RANGE, "--timezone", "Europe/Berlin")


def test_a_dry_run_tells_and_starts_nothing(galley: CommandLine) -> None:
    galley.approved()
    told = galley("backfill", "daily-report", *BERLIN, "--dry-run")
    assert told.exit_code == 0, told.output
    lines = told.stdout.splitlines()
    assert lines[1].split() == ["2026-11-10", "05:00", "2026-11-10T06:00:00+01:00", "none"]
    assert lines[-1].startswith("3 of 3 dates would be run with version 1, 1 at a time: nobody")
    assert galley.read("backfill", "daily-report", *BERLIN, "--dry-run")["wanted"] == 3
    assert "galley backfill PIPELINE" in galley("backfills").stdout


def test_a_day_on_which_an_hour_comes_twice_is_whole(galley: CommandLine) -> None:
    galley.approved()
    day = ("--from", "2026-04-04", "--to", "2026-04-04", "--timezone", "America/Santiago")
    plan = galley.read("backfill", "daily-report", *day, "--cron", "*/30 * * * *", "--dry-run")
    assert plan["total"] == 50


def test_it_is_started_listed_paused_and_cancelled(galley: CommandLine) -> None:
    galley.approved()
    options = ("-p", "alpha", "3", "--order", "newest", "--parallel", "2", "--deadline", "600")
    one = galley.read("backfill", "daily-report", *BERLIN, *options)
    assert (one["parameters"], one["order"], one["parallel"]) == ({"alpha": 3}, "newest", 2)
    assert one["deadline_s"] == 600
    (row,) = galley("backfills", "--pipeline", "daily-report").stdout.splitlines()[1:]
    assert row.split()[:4] == [one["id"], "daily-report@1", "▶", "running"]
    assert row.split()[-2:] == ["2026-11-10", "2026-11-12"], "days of Berlin"
    paused = galley("backfill", "pause", one["id"]).stdout
    assert paused == (
        f"backfill {one['id']}: ‖ paused; 0 of 3 succeeded, 0 failed, 0 open, 3 waiting\n"
    )
    assert "running" in galley("backfill", "resume", one["id"]).stdout
    assert "cancelled" in galley("backfill", "cancel", one["id"]).stdout
    assert "has ended" in galley("backfill", "cancel", one["id"]).stderr


def test_mistakes_name_the_option(galley: CommandLine) -> None:
    galley.approved()
    wrong = galley("backfill", "daily-report", "--from", "soon", "--to", "2026-11-12")
    assert (wrong.exit_code, wrong.stderr[:16]) == (1, "galley: --from: ")
    assert (
        "parameters.alpha" in galley("backfill", "daily-report", *RANGE, "-p", "alpha", "x").stderr
    )
    assert "no schedule" in galley("backfill", "daily-report", *RANGE[:4]).stderr
    assert "not the id of a backfill" in galley("backfill", "pause", "7").stderr
    assert galley("backfill", "daily-report").exit_code == 2
    assert galley.read("backfills") == []
