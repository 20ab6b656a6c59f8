from __future__ import annotations

import threading

from tests.galley.cli.command_line import CommandLine
from tests.galley.service.platform import eventually

OPERATOR = "olga"


def test_a_host_is_drained_waited_for_and_put_back(galley: CommandLine) -> None:
    galley.approved()
    galley("run", "daily-report")
    assert "Nothing is drained" in galley("drain", user=OPERATOR).stdout
    work = galley.platform.lease("oncology")
    assert work is not None
    host = "oncology@here"
    assert "look whether it is the right one" in galley("drain", host, user=OPERATOR).stdout
    assert host in galley("drain", user=OPERATOR).stdout
    assert galley.read("drain", host, user=OPERATOR)["running"] == 0
    back = galley("undrain", host, user=OPERATOR)
    assert back.stdout == f"{host} is given work again\n"
    assert galley("undrain", host, user=OPERATOR).exit_code == 1


def test_waiting_lasts_until_the_last_attempt_has_ended(galley: CommandLine) -> None:
    tenants = galley.platform.tenants.tenants
    for tenant in tenants.values():
        tenant.members[OPERATOR] = tenants["oncology"].members[OPERATOR]
    galley.approved()
    galley("run", "daily-report")
    work = galley.platform.lease("oncology")
    assert work is not None

    def end() -> None:
        eventually(lambda: galley.platform.get("/drains").json())
        galley.platform.report(work, "start")
        galley.platform.report(work, "outcome", state="succeeded", duration_s=1, cells=2)

    ender = threading.Thread(target=end)
    ender.start()
    done = galley("drain", "--all", "--wait", user=OPERATOR)
    ender.join()
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "every host: 1 attempt still running",
        "every host is given no new work; nothing runs there: it can be taken away",
    ]


def test_one_host_or_all(galley: CommandLine) -> None:
    assert "--all" in galley("undrain", user=OPERATOR).stderr
    assert "--all" in galley("drain", "a", "--all", user=OPERATOR).stderr
    assert "not the operator" in galley("drain", "--all", user=OPERATOR).stderr
