"""pipelines, runs, run, cancel, retry, logs, schedule."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO
from uuid import uuid4

from click.testing import Result

from tests.galley.cli.command_line import CommandLine


def test_empty_lists_say_what_to_do(galley: CommandLine) -> None:
    assert "galley publish" in galley("pipelines").stdout
    assert "galley run" in galley("runs").stdout
    assert galley.read("runs") == []


def test_tables_hold_what_a_person_looks_for(galley: CommandLine) -> None:
    galley.approved()
    galley("run", "daily-report")
    asked = galley.read("run", "daily-report", "--priority", "9", "--deadline", "600")
    due = galley.platform.clock() + timedelta(seconds=600)
    assert (asked["priority"], datetime.fromisoformat(asked["deadline"])) == (9, due)
    galley("cancel", asked["id"])
    asked = galley.read("run", "daily-report", "--incremental")
    assert asked["incremental"]
    galley("cancel", asked["id"])
    head, row = galley("pipelines").stdout.splitlines()
    assert head.split() == ["PIPELINE", "NAME", "LIVE", "LATEST", "OWNER", "NEXT", "FIRING"]
    assert row.split()[:1] == ["daily-report"]
    assert "v1" in row
    rows = galley("runs", "--state", "queued", "--kind", "pipeline").stdout.splitlines()[1:]
    assert len(rows) == 1
    assert "daily-report@1" in rows[0]
    assert "… queued" in rows[0]


def test_running_and_following_to_the_end(galley: CommandLine) -> None:
    galley.approved()
    with galley.host("pipeline"):
        result = galley("run", "daily-report", "-p", "alpha", "7", "--follow")
    assert result.exit_code == 0, result.output
    assert "hello\nbye\n" in result.stdout
    (run,) = galley.read("runs", "--state", "succeeded", "--kind", "pipeline")
    assert f"run {run['id']}: ✓ succeeded" in result.stdout
    assert run["parameters"] == {"alpha": 7}
    assert galley("logs", run["id"]).stdout == "hello\nbye\n"
    assert galley.read("logs", run["id"])["log"] == "hello\nbye\n"


def test_what_tasks_use_is_shown_while_and_after(galley: CommandLine) -> None:
    galley.approved()
    run = galley.read("run", "daily-report")
    assert "not been started" in galley("resources", run["id"]).stdout
    galley.platform.run_through("oncology", used=[(0, 64, 0.0), (2, 512, 3.0), (4, 256, 3.5)])
    head, row = galley("resources", run["id"]).stdout.splitlines()
    assert head.split()[:3] == ["TASK", "PEAK", "MEMORY"]
    assert row.split()[:5] == ["daily_report", "512", "MiB", "1", "GiB"]
    assert "3.5 s" in row
    assert "1.5" in row
    (task,) = galley.read("resources", run["id"])
    assert [point["cpu_s"] for point in task["points"]] == [0, 3, 3.5]


def test_what_a_run_wrote_is_listed_and_saved(galley: CommandLine) -> None:
    galley.approved()
    run = galley.read("run", "daily-report")
    assert galley("files", run["id"]).exit_code == 1, "it has no attempt yet"
    done = galley.platform.run_through("oncology")
    assert galley("files", run["id"]).stdout == "It left no files.\n"
    kept = galley.platform.context.artifacts
    kept.put_file("oncology", done.run, done.attempt, "report.csv", BytesIO(b"a,b"), limit=2**30)
    assert galley("files", run["id"]).stdout.splitlines()[1].split()[:2] == ["report.csv", "3"]
    target = galley.folder / "new" / "saved"
    assert galley("files", run["id"], "--save", str(target)).exit_code == 0
    assert (target / "report.csv").read_bytes() == b"a,b"


def test_wrong_values_start_nothing(galley: CommandLine) -> None:
    galley.approved()
    assert "parameters.alpha" in galley("run", "daily-report", "-p", "alpha", "x").stderr
    assert "its parameters: alpha" in galley("run", "daily-report", "-p", "beta", "1").stderr
    assert galley("run", "daily-report", "--logical-date", "tomorrow").exit_code == 2
    assert galley.read("runs", "--kind", "pipeline") == []


def test_the_logical_date_may_be_given(galley: CommandLine) -> None:
    galley.approved()
    run = galley.read("run", "daily-report", "--logical-date", "2026-03-29T06:30+02:00")
    assert run["logical_date"] == "2026-03-29T04:30:00Z"


def test_cancelling_and_retrying(galley: CommandLine) -> None:
    galley.approved()
    run = galley.read("run", "daily-report")
    assert f"run {run['id']}: ■ cancelled" in galley("cancel", run["id"]).stdout
    assert galley("retry", run["id"]).exit_code == 1
    assert galley("cancel", str(uuid4())).exit_code == 1
    assert "'seven' is not the id of a run" in galley("cancel", "seven").stderr


def test_schedules(galley: CommandLine) -> None:
    galley("publish", galley.notebook(), "--cron", "0 6 * * *", "--no-wait", tenant="playground")
    galley.platform.run_through("playground", "ada")

    def schedule(*words: str) -> str:
        result = galley("schedule", *words, tenant="playground")
        assert result.exit_code == 0, result.output
        return result.stdout

    shown = schedule("next", "daily-report", "-n", "3").splitlines()
    assert len(shown) == 4
    assert "DUE" not in shown[0]
    assert "the schedule of daily-report is paused" in schedule("pause", "daily-report")
    assert "paused" in galley("pipelines", tenant="playground").stdout
    assert "no firings to come" in schedule("next", "daily-report")
    assert "is on again; next at 2026-11-21 06:00 UTC" in schedule("resume", "daily-report")


def test_setting_a_schedule_with_its_rules(galley: CommandLine) -> None:
    galley("publish", galley.notebook(), "--no-wait", tenant="playground")
    galley.platform.run_through("playground", "ada")

    def schedule(*words: str) -> Result:
        return galley("schedule", *words, tenant="playground")

    rules = ("--timezone", "Europe/Berlin", "--start", "2026-12-01", "--overlap", "skip")
    done = schedule(
        *("set", "daily-report", "@daily", *rules, "--jitter", "60", "--priority", "-5"),
        *("--schedule-parameter", "alpha", "{{ logical_date | date('%d') }}", "--depends-on-past"),
    )
    assert done.exit_code == 0, done.output
    assert "is set; next at 2026-11-30 23:0" in done.stdout
    (pipeline,) = galley.read("pipelines", tenant="playground")
    coming = schedule("next", "daily-report", "-n", "1").stdout
    assert "DUE" in coming
    assert f"{datetime.fromisoformat(pipeline['next_firing']):%Y-%m-%d %H:%M:%S}" in coming
    found = pipeline["schedule"]
    assert (found["start"], found["overlap"]) == ("2026-11-30T23:00:00Z", "skip")
    assert (found["jitter_s"], found["priority"], found["depends_on_past"]) == (60, -5, True)
    for words, said in (
        (("--end", "2026-01-01"), "end: "),
        (("--jitter", "86400"), "jitter_s: "),
        (("--priority", "500"), "priority: "),
        (("--schedule-parameter", "alpha", "{{ run_id }}"), "parameters.alpha: "),
        (("--schedule-parameter", "beta", "1"), "parameters.beta: "),
        (("--schedule-parameter", "alpha", "{{ run_id.x }}"), "an attribute is not allowed"),
    ):
        refused = schedule("set", "daily-report", "@daily", *words)
        assert refused.exit_code == 1
        assert said in refused.stderr
    assert galley.read("pipelines", tenant="playground") == [pipeline]

    # What is not said stays, unless that is asked for.
    assert schedule("set", "daily-report", "@hourly", "--priority", "3").exit_code == 0
    (changed,) = galley.read("pipelines", tenant="playground")
    for name in ("timezone", "start", "overlap", "jitter_s", "depends_on_past", "parameters"):
        assert changed["schedule"][name] == found[name]
    assert (changed["schedule"]["cron"], changed["schedule"]["priority"]) == ("@hourly", 3)
    assert schedule("set", "daily-report", "@daily", "--replace").exit_code == 0
    (replaced,) = galley.read("pipelines", tenant="playground")
    assert (replaced["schedule"]["timezone"], replaced["schedule"]["overlap"]) == ("UTC", "allow")
    assert (replaced["schedule"]["start"], replaced["schedule"]["parameters"]) == (None, {})


def test_a_preview_shows_the_parameters_of_each_firing(galley: CommandLine) -> None:
    galley.approved()
    shown = galley(
        *("schedule", "preview", "30 2 * * *", "--timezone", "Europe/Berlin", "-n", "2"),
        *(
            "--of",
            "daily-report",
            "--schedule-parameter",
            "alpha",
            "{{ logical_date | date('%d') }}",
        ),
    )
    assert shown.exit_code == 0, shown.output
    words, _, first, second = shown.stdout.splitlines()
    assert words.startswith("At 02:30 every day. Where the clock of Europe/Berlin changes, each")
    assert '{"alpha": 21}' in first
    assert '{"alpha": 22}' in second
