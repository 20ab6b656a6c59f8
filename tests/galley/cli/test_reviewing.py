"""reviews, approve, reject, rollback."""

from __future__ import annotations

from tests.galley.cli.command_line import CommandLine


def test_both_gates_make_it_live(galley: CommandLine) -> None:
    assert galley("reviews", user="lea").stdout == "Nothing waits for you.\n"
    galley.in_review()
    row = galley("reviews", user="lea").stdout.splitlines()[1]
    assert "daily-report@1" in row
    assert "lead waits, mle waits" in row
    lead = galley("approve", "daily-report", "--comment", "sound", user="lea")
    assert "daily-report v1 approved as lead; it waits for mle" in lead.stdout
    mle = galley("approve", "daily-report", user="max")
    assert "daily-report v1 approved as mle; it is now live" in mle.stdout
    (shown,) = galley.read("reviews", "--all", user="lea")
    assert [one["comment"] for one in shown["decisions"]] == ["sound", ""]


def test_who_has_no_gate_is_told_so(galley: CommandLine) -> None:
    galley.in_review()
    author = galley("approve", "daily-report", user="ada")
    assert author.exit_code == 1
    assert "no open gate of daily-report v1 is yours to decide; open: lead, mle" in author.stderr
    wrong = galley("approve", "daily-report", "--gate", "mle", user="lea")
    assert wrong.exit_code == 1
    assert galley("approve", "daily-report", "--gate", "boss", user="lea").exit_code == 2


def test_an_approval_is_for_the_digest_that_was_seen(galley: CommandLine) -> None:
    galley.in_review()
    stale = galley("approve", "daily-report", "--digest", "0" * 64, user="lea")
    assert stale.exit_code == 1
    assert galley.read("reviews", user="lea")[0]["gates"][0]["passed"] is False


def test_rejecting_needs_a_comment(galley: CommandLine) -> None:
    galley.in_review()
    assert galley("reject", "daily-report", user="lea").exit_code == 2
    done = galley("reject", "daily-report", "--comment", "which data?", user="lea")
    assert "daily-report v1 rejected as lead; it is now rejected" in done.stdout
    over = galley("approve", "daily-report", user="max")
    assert "no version of 'daily-report' is in review" in over.stderr


def test_of_several_versions_in_review_one_is_named(galley: CommandLine) -> None:
    galley.in_review()
    galley.in_review("x = alpha + 2")
    which = galley("approve", "daily-report", user="lea")
    assert which.exit_code == 1
    assert "name one, daily-report@2, daily-report@1" in which.stderr
    for number in (2, 1):
        galley("approve", f"daily-report@{number}", user="lea")
        last = galley("approve", f"daily-report@{number}", user="max")
    assert (
        "v1 approved as mle; it is now approved, but v2 stays live: `galley rollback" in last.stdout
    )


def test_rolling_back(galley: CommandLine) -> None:
    galley.approved()
    galley.approved("x = alpha + 2")
    assert "Use PIPELINE@NUMBER" in galley("rollback", "daily-report", user="lea").stderr
    assert galley("rollback", "daily-report@1", user="ada").exit_code == 1
    back = galley("rollback", "daily-report@v1", "--reason", "safer", user="lea")
    assert "daily-report v1 is live" in back.stdout


def test_the_audit_trail_says_who_did_what(galley: CommandLine) -> None:
    assert galley("audit").stdout == "Nothing was done yet.\n"
    galley.approved()
    assert galley("approve", "daily-report", user="ada").exit_code == 1
    header, *lines = galley("audit", "-n", "500", user="lea").stdout.splitlines()
    assert header.split() == ["AT", "ACTOR", "ACTION", "SUBJECT", "DETAIL"]
    assert [line.split()[2:4] for line in lines if "lea" in line.split()] == [
        ["lea", "version.passed_lead"]
    ]
    entries = galley.read("audit", "-n", "500", user="lea")
    assert len(entries) == len(lines) > 3
    assert galley.read("audit", "-n", "3", user="lea") == entries[:3]
    assert galley("audit", user="mallory").exit_code == 1


def test_a_gate_that_refused_does_not_wait(galley: CommandLine) -> None:
    galley.in_review()
    galley("reject", "daily-report", "--comment", "no goal", user="lea")
    assert "lead rejected, mle waits" in galley("reviews", "--all", user="lea").stdout
