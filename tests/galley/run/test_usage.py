from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from galley.domain.runs import AttemptState
from galley.domain.usage import Usage, Used, cores, halved
from galley.run.journal import Journal
from galley.run.runner import Runner
from galley.run.usage import Meter, cpu_time

from tests.galley.run.jobs import make_job
from tests.galley.run.projects import single

AT = datetime(2026, 11, 21, tzinfo=UTC)


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_meter_tells_the_peak_between_and_no_more_than_once_a_second() -> None:
    told: list[tuple[int, float]] = []
    clock = Time()
    meter = Meter(lambda memory, cpu_s: told.append((memory, cpu_s)), clock)
    me = [psutil.Process()]
    for tick, memory in enumerate([5, 9, 3, 2, 1, 4]):
        clock.now = tick * 0.25
        meter(me, memory)
    assert [memory for memory, _ in told] == [5, 9]
    assert told[0][1] > 0
    meter([], 7)
    assert len(told) == 2, "a task without processes has ended"


def test_a_long_task_is_measured_less_and_less_often() -> None:
    told: list[int] = []
    clock = Time()
    meter = Meter(lambda memory, cpu_s: told.append(memory), clock)
    me = [psutil.Process()]
    for second in range(0, 24 * 3600, 5):
        clock.now = second
        meter(me, 1)
    assert 500 < len(told) < 2500


def test_time_of_children_that_have_ended_stays_counted() -> None:
    before = cpu_time([psutil.Process()])
    subprocess.run([sys.executable, "-c", "sum(range(3 * 10**7))"], check=True)
    assert cpu_time([psutil.Process()]) - before > 0.1


def test_cores_are_time_over_time_and_never_negative() -> None:
    def at(second: float, cpu_s: float) -> Usage:
        return Usage(at=AT + timedelta(seconds=second), memory=1, cpu_s=cpu_s)

    assert cores(at(0, 1), at(2, 4)) == 1.5
    assert cores(at(0, 9), at(2, 1)) == 0
    assert cores(at(1, 1), at(1, 2)) == 0
    assert [point.cpu_s for point in halved([at(i, i) for i in range(5)])] == [1, 3, 4]


def test_a_run_writes_down_what_its_task_uses(tmp_path: Path) -> None:
    busy = "import time\nheld = bytearray(150 * 2**20)\nend = time.monotonic() + 2.5\n"
    single(tmp_path / "project", f"{busy}while time.monotonic() < end: pass")
    job = make_job(tmp_path)
    outcome = Runner(job, Journal(job.journal), {}).run()
    assert outcome.state is AttemptState.SUCCEEDED, outcome.error
    lines = (job.journal / "usage.jsonl").read_text().splitlines()
    points = [Used.model_validate_json(line) for line in lines]
    assert {point.task for point in points} == {"report"}
    assert len(points) >= 2
    assert max(point.memory for point in points) > 150 * 2**20
    assert points[-1].cpu_s > points[0].cpu_s
