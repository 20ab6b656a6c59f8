"""What is killed in the middle of a run: it ends, or goes on, and is never left hanging."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from alembic import command
from galley.sandbox.processes import saved
from galley.store import migrate
from galley.store.connect import database as database_of
from galley.supervisor.status import read_status

from tests.journey import notebooks
from tests.journey.people import Person
from tests.journey.platform import Platform
from tests.journey.waiting import run_ended, until, version_ended

pytestmark = pytest.mark.integration

SLOW = (
    "import os, time\nticks = 1 if os.environ['GALLEY_REHEARSAL'] == '1' else 60\n"
    "for tick in range(ticks):\n    print('tick', tick, flush=True)\n    time.sleep(0.2)"
)


@pytest.fixture(scope="module")
def paula(person: Callable[[str], Person]) -> Person:
    """A member of the playground, whose versions go live without review."""
    paula = person("paula")
    version = paula.post(
        "/tenants/playground/pipelines/slow/versions",
        {"notebook": notebooks.notebook(SLOW), "name": "Slow"},
    ).json()
    until(
        lambda: paula.get(f"/versions/{version['id']}").json()["live"] or None,
        "the version going live",
    )
    return paula


@pytest.fixture
def run(paula: Person) -> Iterator[dict[str, Any]]:
    """A run whose notebook is printing."""
    started = paula.post("/tenants/playground/pipelines/slow/runs", {}).json()
    until(
        lambda: "tick 3" in paula.get(f"/runs/{started['id']}/log").json().get("text", "") or None,
        "the notebook's output in the log",
    )
    yield started
    paula.post(f"/runs/{started['id']}/cancel")


def host_processes(platform: Platform, word: str) -> list[psutil.Process]:
    """Return the processes of the playground's host whose command line has ``word``."""
    host = saved(platform.home / "run" / "hosts")["playground"]
    return [
        process
        for process in psutil.Process(host.pid).children(recursive=True)
        if word in " ".join(process.cmdline())
    ]


def host_kernels(platform: Platform) -> list[psutil.Process]:
    """Return the kernels of the playground's runs: forks in the folder of an attempt."""
    forks = host_processes(platform, "zygote.py")
    return [process for process in forks if "/attempts/" in process.cwd()]


def test_a_killed_service_leaves_the_run_alive(
    platform: Platform, paula: Person, run: dict[str, Any]
) -> None:
    before = service_pid(platform)
    assert before is not None
    psutil.Process(before).kill()
    until(lambda: service_pid(platform) not in {None, before} or None, "another service")
    until(lambda: paula.get("/me").status_code == 200 or None, "its first answer")
    ended = run_ended(paula, run["id"])
    assert (ended["state"], ended["attempt_count"]) == ("succeeded", 1)
    assert "tick 59" in paula.get(f"/runs/{run['id']}/log").json()["text"]


def test_an_upgrade_of_the_service_leaves_the_run_alive(
    platform: Platform, paula: Person, run: dict[str, Any]
) -> None:
    """The service of this release starts on the schema of an earlier one, amid a run."""
    before = service_pid(platform)
    assert before is not None
    platform.process.send_signal(signal.SIGSTOP)  # or it would start another service at once
    try:
        psutil.Process(before).kill()
        database = database_of(f"sqlite:///{platform.home / 'service' / 'galley.db'}")
        with database.writer.begin() as connection:
            command.downgrade(migrate.config(connection), "0010")
        database.dispose()
    finally:
        platform.process.send_signal(signal.SIGCONT)
    until(lambda: service_pid(platform) not in {None, before} or None, "the new service")
    until(lambda: paula.get("/me").status_code == 200 or None, "its first answer")
    ended = run_ended(paula, run["id"])
    assert (ended["state"], ended["attempt_count"]) == ("succeeded", 1)
    assert ended["attempts"][0]["tasks"][0]["kernel"] == "forked"
    text = paula.get(f"/runs/{run['id']}/log").json()["text"]
    ticks = [line.rpartition("tick ")[2] for line in text.splitlines() if "| tick " in line]
    assert ticks == [str(tick) for tick in range(60)]


def service_pid(platform: Platform) -> int | None:
    status = read_status(platform.home)
    assert status is not None
    return next(
        (one.pid for one in status.processes if one.name == "service" and one.state == "ready"),
        None,
    )


def test_a_killed_runner_is_retried_as_a_new_attempt(
    platform: Platform, paula: Person, run: dict[str, Any]
) -> None:
    killed = [process for process in host_processes(platform, "galley.run") if busy(process)]
    assert killed
    for process in killed:
        process.kill()
    ended = run_ended(paula, run["id"])
    assert ended["state"] == "succeeded"
    first, second = ended["attempts"]
    assert (first["state"], first["failure_class"]) == ("failed", "infrastructure")
    assert second["state"] == "succeeded"


def busy(process: psutil.Process) -> bool:
    """Whether this is a runner, not what forks them."""
    return bool(process.open_files()) or process.num_threads() > 1


def test_a_killed_host_loses_its_attempt_and_the_run_is_retried(
    platform: Platform, paula: Person, run: dict[str, Any]
) -> None:
    host = saved(platform.home / "run" / "hosts")["playground"]
    inside = psutil.Process(host.pid).children(recursive=True)
    host.signal(signal.SIGKILL)
    ended = run_ended(paula, run["id"])
    assert ended["state"] == "succeeded"
    first, second = ended["attempts"]
    assert (first["state"], second["state"]) == ("lost", "succeeded")
    assert [process for process in inside if process.is_running()] == []


def test_cancelling_ends_the_run_and_its_kernel(
    platform: Platform, paula: Person, run: dict[str, Any]
) -> None:
    assert host_kernels(platform)
    paula.post(f"/runs/{run['id']}/cancel")
    ended = run_ended(paula, run["id"])
    assert ended["state"] == "cancelled"
    until(lambda: not host_kernels(platform) or None, "the end of the kernel")


def test_a_name_that_only_lived_in_the_kernel_fails_the_rehearsal_by_name(paula: Person) -> None:
    content = notebooks.notebook("def total():\n    return df2.sum()", "total()")
    version = paula.post(
        "/tenants/playground/pipelines/hidden/versions", {"notebook": content, "name": "Hidden"}
    ).json()
    ended = version_ended(paula, version["id"])
    assert ended["state"] == "failed"
    assert "uses `df2`, which no cell of this notebook defines" in ended["state_reason"]
    assert ended["evidence"]["error"]["cell"] is not None
