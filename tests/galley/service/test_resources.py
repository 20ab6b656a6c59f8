from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from galley.domain.usage import MOST_POINTS, Used
from galley.service import API
from galley.service.resources import Resources

from tests.galley.service.full_disk import full_disk
from tests.galley.service.platform import Platform

AT = datetime(2026, 11, 21, tzinfo=UTC)


def used(second: float, memory: int = 1, cpu_s: float = 0, task: str = "fit") -> Used:
    return Used(task=task, at=AT + timedelta(seconds=second), memory=memory, cpu_s=cpu_s)


def test_a_repeated_point_is_kept_once(tmp_path: Path) -> None:
    kept, attempt = Resources(tmp_path), uuid4()
    assert kept.append(attempt, [used(1), used(2, 9)])["fit"].memory == 9
    assert kept.append(attempt, [used(1), used(2, 9)]) == {}
    assert list(kept.append(attempt, [used(2), used(3), used(1, task="load")])) == ["fit", "load"]
    fit, load = kept.read(attempt)
    assert [(point.at - AT).total_seconds() for point in fit.points] == [1, 2, 3]
    assert (load.task, len(load.points)) == ("load", 1)
    (late, none) = kept.read(attempt, AT + timedelta(seconds=2))
    assert ([len(late.points), len(none.points)]) == [1, 0]


LINE = len(used(1).model_dump_json(exclude={"task"})) + 1


@pytest.mark.parametrize("part", [0, 1, LINE // 2, LINE - 1, LINE, LINE + 5])
def test_a_full_disk_costs_no_point(tmp_path: Path, part: int) -> None:
    kept, attempt = Resources(tmp_path), uuid4()
    kept.append(attempt, [used(1)])
    with full_disk(room=LINE + part), pytest.raises(OSError, match="too large"):
        kept.append(attempt, [used(2), used(3)])
    for again in ([used(2), used(3)], [used(2), used(3), used(4)], [used(5)]):
        kept.append(attempt, again)
    (task,) = kept.read(attempt)
    assert [(point.at - AT).total_seconds() for point in task.points] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "bad",
    [b'{"at":"2026-11-2', b"\0" * 40, b"\xff\n", b"[]\n\n"],
    ids=["cut", "zeros", "no text", "no point"],
)
def test_a_line_that_is_none_costs_no_other(tmp_path: Path, bad: bytes) -> None:
    kept, attempt = Resources(tmp_path), uuid4()
    kept.append(attempt, [used(1)])
    (path,) = tmp_path.rglob("fit.jsonl")
    with path.open("ab") as file:
        file.write(bad)
    assert len(kept.read(attempt)[0].points) == 1
    assert list(kept.append(attempt, [used(2)])) == ["fit"]
    assert kept.append(attempt, [used(2)]) == {}
    assert len(kept.read(attempt)[0].points) == 2


def test_long_runs_keep_their_peaks_and_their_end_in_a_bounded_number_of_points(
    tmp_path: Path,
) -> None:
    kept, attempt = Resources(tmp_path), uuid4()
    for start in range(0, 5000, 7):
        points = [
            used(second, 900 if second == 1234 else 5, second / 2)
            for second in range(start, min(start + 7, 5000))
        ]
        kept.append(attempt, points)
    (task,) = kept.read(attempt)
    assert MOST_POINTS / 3 < len(task.points) <= MOST_POINTS
    assert max(point.memory for point in task.points) == 900
    assert (task.points[-1].at - AT).total_seconds() == 4999
    times = [point.at for point in task.points]
    assert times == sorted(set(times))


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    kept, attempt = Resources(tmp_path / "kept"), uuid4()
    assert kept.append(attempt, [used(1, task="../../escaped"), used(1, task="x" * 200)]) == {}
    assert not list(tmp_path.rglob("*.jsonl"))


def test_members_read_what_tasks_used_and_what_they_may_use(platform: Platform) -> None:
    platform.approved()
    run = platform.post("/tenants/oncology/pipelines/daily-report/runs", {}).json()["id"]
    path = f"/runs/{run}/attempts/1/resources"
    assert platform.get(path).status_code == 404
    platform.run_through("oncology", used=[(0, 64, 0.0), (2, 512, 3.0)])
    found = platform.get(path).json()
    assert (found["memory"], found["cpu"], found["ended"]) == (2**30, 1, True)
    (task,) = found["tasks"]
    assert [point["memory"] for point in task["points"]] == [64 * 2**20, 512 * 2**20]
    (later,) = platform.get(path, after=task["points"][0]["at"]).json()["tasks"]
    assert later["points"] == task["points"][1:]
    assert platform.get(path, "carl").status_code == 404


def test_the_newest_point_is_told_live(platform: Platform) -> None:
    platform.approved()
    platform.post("/tenants/oncology/pipelines/daily-report/runs", {})
    platform.run_through("oncology", used=[(0, 64, 0.0), (2, 512, 3.0)])
    from galley.store import events

    told = platform.store.read(lambda s: events.after(s, ["oncology"], 0))
    (event,) = [one for one in told if one.kind == "resources.grew"]
    assert event.data == {
        "attempt": 1,
        "tasks": {"daily_report": {"memory": 512 * 2**20, "cpu_s": 3.0}},
    }


def test_the_log_is_downloaded_inert(platform: Platform) -> None:
    platform.approved()
    run = platform.post("/tenants/oncology/pipelines/daily-report/runs", {}).json()["id"]
    platform.run_through("oncology")
    path = f"/runs/{run}/attempts/1/log"
    answer = platform.client.get(API + path, headers=platform.as_user("ada"))
    assert answer.text == "hello\nbye\n"
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert platform.get(path, "carl").status_code == 404
