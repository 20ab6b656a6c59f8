"""Real runner processes, forked for real jobs."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from galley.domain.runs import AttemptState
from galley.domain.work import Outcome
from galley.forks.forked import Forked, readable
from galley.forks.server import RUN
from galley.host.runners import Runners, Spare, end
from galley.run.job import Job
from galley.run.journal import read_outcome, read_report

from tests.galley.run.jobs import make_job
from tests.galley.run.projects import single
from tests.journey.waiting import until

pytestmark = pytest.mark.integration

SLEEP = "import time\nprint('asleep', flush=True)\ntime.sleep(600)"


@pytest.fixture(scope="module")
def runners() -> Iterator[Runners]:
    made = Runners()
    made.warm()
    yield made
    made.cool()


@pytest.fixture
def job_of(tmp_path: Path) -> Callable[[str], Job]:
    """Make a job of one cell with this source."""

    def make(source: str) -> Job:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        single(folder / "project", source)
        return make_job(folder)

    return make


def given(runners: Runners, job: Job) -> Forked:
    path = job.folder / "job.json"
    path.write_text(job.model_dump_json())
    return runners.spare().give(path)


def asleep(job: Job) -> bool:
    report = read_report(job.journal)
    return report is not None and any(task.cell for task in report.tasks)


def ended(job: Job) -> Outcome:
    outcome = read_outcome(job.journal)
    assert outcome is not None
    return outcome


def test_each_job_gets_a_process_of_its_own_with_the_same_parent(
    runners: Runners, job_of: Callable[[str], Job]
) -> None:
    jobs = [job_of("1 + 1"), job_of("2 + 2")]
    started = [given(runners, job) for job in jobs]
    first, second = (psutil.Process(one.pid) for one in started)
    assert first.pid != second.pid
    assert first.ppid() == second.ppid()
    assert [one.wait(60) for one in started] == [0, 0]
    assert [ended(job).state for job in jobs] == [AttemptState.SUCCEEDED] * 2


def test_how_it_was_killed_is_told(runners: Runners, job_of: Callable[[str], Job]) -> None:
    job = job_of(SLEEP)
    runner = given(runners, job)
    until(lambda: asleep(job) or None, "the first cell")
    with pytest.raises(subprocess.TimeoutExpired):
        runner.wait(0.1)
    runner.kill()
    assert runner.wait(10) == -signal.SIGKILL
    assert read_outcome(job.journal) is None


def test_a_terminated_one_cancels_its_attempt(
    runners: Runners, job_of: Callable[[str], Job]
) -> None:
    job = job_of(SLEEP)
    runner = given(runners, job)
    until(lambda: asleep(job) or None, "the first cell")
    end(runner, grace_s=30)
    assert runner.returncode == 0
    assert ended(job).state is AttemptState.CANCELLED


def test_none_outlives_its_host(runners: Runners, job_of: Callable[[str], Job]) -> None:
    job = job_of(SLEEP)
    runner = given(runners, job)
    until(lambda: asleep(job) or None, "the first cell")
    runner.connection.close()  # as at the end of a process, however it ends
    until(lambda: read_outcome(job.journal), "its end")
    assert ended(job).state is AttemptState.CANCELLED


def test_it_lives_on_when_what_forked_it_is_killed(
    runners: Runners, job_of: Callable[[str], Job]
) -> None:
    job, next_one = job_of("import time\ntime.sleep(3)"), job_of("1 + 1")
    runner = given(runners, job)
    parent = psutil.Process(runner.pid).parent()
    assert parent is not None
    parent.kill()
    parent.wait(10)
    assert runner.poll() is None
    assert given(runners, next_one).wait(60) == 0
    assert ended(next_one).state is AttemptState.SUCCEEDED
    runner.wait(60)
    assert ended(job).state is AttemptState.SUCCEEDED


@pytest.mark.parametrize("module", ["galley.run", "galley.rehearsal"])
def test_what_forks_them_has_one_thread(module: str) -> None:
    """Or a fork might find a lock that nobody will ever let go."""
    runners = Runners(module)
    runners.spare().close()
    assert runners._parent._server is not None
    server = psutil.Process(runners._parent._server.pid)
    until(lambda: Path(f"/proc/{server.pid}/cwd").exists() or None, "its start")
    with closing(runners.spare()) as second:
        assert readable(second._connection, 60)  # all is imported
        second.close()
    until(lambda: server.children() == [] or None, "the end of its forks")
    with closing(runners.spare()) as third:
        assert readable(third._connection, 60)  # it was warmed up meanwhile
        assert server.num_threads() == 1
    runners.cool()


def test_it_ends_its_attempt_where_its_host_left_something_unread(
    runners: Runners, job_of: Callable[[str], Job]
) -> None:
    """As a host does that is killed at the wrong moment: the connection is then reset."""
    job = job_of(SLEEP)
    path = job.folder / "job.json"
    path.write_text(job.model_dump_json())
    ours, theirs = socket.socketpair()
    runners.warm()
    assert runners._parent._control is not None
    with theirs:
        socket.send_fds(runners._parent._control, [RUN], [theirs.fileno()])
    ours.sendall(f"{path}\n\n\n".encode())
    until(lambda: asleep(job) or None, "the first cell")
    ours.close()
    until(lambda: read_outcome(job.journal), "its end")
    assert ended(job).state is AttemptState.CANCELLED


def test_one_that_is_not_wanted_any_more_is_not_waited_for(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with theirs, closing(Spare(ours)) as spare, pytest.raises(OSError, match="not wanted"):
        spare.give(tmp_path / "job.json", wanted=lambda: False)


def test_one_that_gets_no_job_ends(runners: Runners) -> None:
    runners.warm()
    spare = runners.spare()
    server = psutil.Process(runners._parent._server.pid) if runners._parent._server else None
    assert server is not None
    until(lambda: server.children() or None, "the fork")
    spare.close()
    until(lambda: server.children() == [] or None, "its end")


def test_when_it_cools_down_nothing_is_left() -> None:
    before = set(psutil.Process().children())
    runners = Runners()
    runners.warm()
    (process,) = set(psutil.Process().children()) - before
    runners.cool()
    assert not process.is_running()
    runners.cool()


def test_where_none_can_be_had_it_is_an_error(tmp_path: Path) -> None:
    runners = Runners("galley.no_such_module")
    try:
        with pytest.raises(OSError, match=r"went away|reset by peer|Broken pipe"):
            runners.spare().give(tmp_path / "job.json")
    finally:
        runners.cool()
