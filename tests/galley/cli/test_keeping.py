from __future__ import annotations

from galley.domain.retention import RetentionPolicy

from tests.galley.cli.command_line import CommandLine

OPERATOR = "olga"


def test_what_would_go_and_what_went(galley: CommandLine) -> None:
    galley.approved()
    for _ in range(2):
        with galley.host("pipeline"):
            galley("run", "daily-report", "--follow")
    galley.platform.clock.pass_time(days=2)
    assert "Nothing is old enough" in galley("retention", user=OPERATOR).stdout
    set_ = galley("retention", "daily-report", "--files", "succeeded=1d", "--latest", "1")
    assert set_.exit_code == 1, "ada is no operator"
    set_ = galley(
        "retention", "daily-report", "--files", "succeeded=1d", "--latest", "1", user=OPERATOR
    )
    assert set_.stdout == (
        "daily-report removes files of succeeded runs after 1 days; "
        "it keeps its latest 1 (set by olga)\n"
    )
    rows = galley("retention", "--dry-run").stdout.splitlines()
    assert rows[1].split()[:3] == ["daily-report", "1", "0"]
    assert galley.read("retention", user=OPERATOR)["pipelines"][0]["files"] == 1
    assert galley("retention", "daily-report", "--reset", user=OPERATOR).exit_code == 0
    assert not galley.read("retention", "daily-report")["own"]


def test_ages_and_words_that_are_wrong(galley: CommandLine) -> None:
    galley.approved()
    for words, complaint in (
        (("daily-report", "--files", "succeeded"), "--files failed=90d"),
        (("daily-report", "--files", "running=3d"), "'succeeded'"),
        (("daily-report", "--runs", "failed=3 months"), "such as '90d'"),
        (("--latest", "3"), "name the PIPELINE"),
        (("daily-report", "--dry-run"), "--dry-run"),
        (("nothing", "--reset"), "no pipeline"),
    ):
        refused = galley("retention", *words, user=OPERATOR)
        assert (refused.exit_code, complaint in refused.stderr) == (1, True), refused.stderr


def test_disk(galley: CommandLine) -> None:
    galley.approved()
    shown = galley("disk").stdout
    assert "Git repository" in shown
    assert "limits.artifacts allows 20 GiB" in shown
    assert galley.read("disk")["logs"] == len("hello\nbye\n")
    assert not RetentionPolicy().removes
