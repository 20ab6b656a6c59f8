"""The outbox's files, without MLflow."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from galley.inside.outbox import runs, spool
from galley.inside.outbox.within import Refused


def test_a_torn_line_loses_itself_only(tmp_path: Path) -> None:
    path = tmp_path / spool.LOG
    log = spool.Log(path)
    log.append({"op": "batch", "n": 1})
    with path.open("ab") as torn:
        torn.write(b'\n{"op":"batch","n":')
    assert [one["n"] for one in spool.read(path)[0]] == [1]
    first, offset, broken = spool.read(path)
    log.append({"op": "batch", "n": 2})
    later, _, broken_later = spool.read(path, offset)
    assert [one["n"] for one in [*first, *later]] == [1, 2]
    assert (broken, broken_later) == (0, 1)


WRITER = """
import sys
from pathlib import Path
from galley.inside.outbox import spool
log, number = spool.Log(Path(sys.argv[1])), 0
while True:
    log.append({"op": "batch", "n": number, "text": "x" * 50_000})
    number += 1
    print(number, flush=True)
"""


def test_a_killed_writer_loses_at_most_the_unfinished_record(tmp_path: Path) -> None:
    path = tmp_path / spool.LOG
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        told = 0
        while told < 40:
            told = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        told = int((writer.stdout.read().splitlines() or [str(told)])[-1])
    records, _, broken = spool.read(path)
    assert [one["n"] for one in records][:told] == list(range(told))
    assert broken == 0


def _append(path: Path, who: int) -> None:
    log = spool.Log(path)
    for number in range(300):
        log.append({"who": who, "n": number, "text": "x" * (number * 37 % 5000)})


def test_processes_that_share_a_log_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / spool.LOG
    several = multiprocessing.get_context("fork")
    writers = [several.Process(target=_append, args=(path, who)) for who in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    records, _, broken = spool.read(path)
    assert (len(records), broken) == (1200, 0)
    for who in range(4):
        assert [one["n"] for one in records if one["who"] == who] == list(range(300))


def test_a_log_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MAX_LOG", 2**20)
    log = spool.Log(tmp_path / spool.LOG)
    for _ in range(20):
        log.append({"text": "x" * 50_000})
    with pytest.raises(spool.OutboxFull, match="one task may log 1 MiB"):
        log.append({"text": "x" * 50_000})
    assert len(spool.read(tmp_path / spool.LOG)[0]) == 20


def test_a_disk_that_is_full_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / spool.LOG
    log = spool.Log(path)
    log.append({"op": "batch", "n": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, before[1]))
    try:
        with pytest.raises(spool.OutboxFull, match="cannot be written: the disk is full"):
            log.append({"op": "batch", "n": 2})
        with pytest.raises(spool.OutboxFull, match=r"cannot be written: .*File too large"):
            log.append({"op": "batch", "n": 3})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [one["n"] for one in spool.read(path)[0]] == [1]


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def link(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("../elsewhere")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("strange", [pipe, link])
def test_what_a_task_puts_in_the_place_of_a_log_is_refused(
    tmp_path: Path, strange: Callable[[Path], None]
) -> None:
    (tmp_path / "elsewhere").write_text('{"op":"batch"}\n')
    (tmp_path / "task").mkdir()
    strange(tmp_path / "task" / spool.LOG)
    path = tmp_path / "task" / spool.LOG
    with pytest.raises(Refused):
        spool.read(path)
    with pytest.raises(Refused):
        spool.size(path)
    with pytest.raises(spool.OutboxFull, match="is a link or no plain file"):
        spool.Log(path).append({"op": "closed"})
    assert (tmp_path / "elsewhere").read_text() == '{"op":"batch"}\n'
    assert spool.logs(tmp_path) == ["task"], "whoever reads it is told"
    assert runs.find(tmp_path, "r") is None
    spool.sync(tmp_path)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("strange", [pipe, link])
def test_what_a_task_puts_in_the_place_of_state_and_lock_is_refused(
    tmp_path: Path, strange: Callable[[Path], None]
) -> None:
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    state = spool.State(outbox)
    state.add(know="run", run="r", id="s", experiment="1", artifacts="a", by="platform")
    strange(outbox / spool.STATE)
    strange(outbox / "lock")
    with pytest.raises(Refused):
        state.refresh()
    assert state.runs["r"]["id"] == "s"
    with pytest.raises(Refused), spool.creating(outbox, 1):
        pass
    spool.sync(outbox)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_of_a_log_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    outbox, other = tmp_path / "outbox", tmp_path / "other"
    for folder in (outbox / "mine", other):
        folder.mkdir(parents=True)
        spool.Log(folder / spool.LOG).append({"op": "create", "run": folder.name})
    (outbox / "theirs").symlink_to(other)
    (outbox / "lock").touch()
    assert spool.logs(outbox) == ["mine", "theirs"]
    with pytest.raises(Refused, match="'theirs' on the way is a link"):
        spool.read(outbox / "theirs" / spool.LOG)
    with pytest.raises(spool.OutboxFull):
        spool.Log(outbox / "theirs" / spool.LOG).append({"op": "closed"})
    assert len(spool.read(other / spool.LOG)[0]) == 1
    assert spool.logs(tmp_path / "none") == []


def test_a_line_of_nothing_but_brackets_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / spool.LOG
    path.write_bytes(b"[" * 500_000 + b"\n" + b'{"n":1}\n')
    assert spool.read(path) == ([{"n": 1}], path.stat().st_size, 1)


def test_the_state_is_what_all_processes_wrote(tmp_path: Path) -> None:
    mine, theirs = spool.State(tmp_path), spool.State(tmp_path)
    mine.add(know="begun", run="r", at=5)
    theirs.add(know="run", run="r", id="s", experiment="1", artifacts="a", by="notebook")
    mine.add(know="run", run="r", id="another", experiment="1", artifacts="a", by="platform")
    with (tmp_path / spool.STATE).open("ab") as file:
        file.write(b'\n{"know": "run"}\n{"know": "sent", "log": "x", "offset": "no"}\n')
    theirs.refresh()
    assert theirs.runs["r"]["id"] == "s"
    assert theirs.begun == {"r": [5]}
    assert theirs.sent == {}


def test_one_process_at_a_time_makes_runs(tmp_path: Path) -> None:
    with (
        spool.creating(tmp_path, 1),
        pytest.raises(TimeoutError),
        spool.creating(tmp_path, 0.1),
    ):
        pass
    with spool.creating(tmp_path, 0.1):
        pass


def test_records_say_what_mlflow_would(tmp_path: Path) -> None:
    nan = float("nan")
    known: dict[str, runs.RunState] = {}
    records = [
        runs.created("r", experiment="1", name="n", start_ms=1, tags={"a": "1"}),
        {
            "op": "batch",
            "run": "r",
            "metrics": [
                {"key": "m", "value": 3.0, "timestamp": 2, "step": 1},
                {"key": "m", "value": 1.0, "timestamp": 9, "step": 0},
                {"key": "n", "value": nan, "timestamp": 2, "step": 0},
                {"key": "n", "value": 1.0, "timestamp": 2, "step": 0},
            ],
            "tags": {"mlflow.runName": "other"},
        },
        {"op": "untag", "run": "r", "key": "a"},
        {"op": "update", "run": "r", "status": "FINISHED", "end": 7, "name": None},
        {"op": "update", "run": "r", "status": "RUNNING", "end": 7, "name": None},
        {"op": "batch", "run": "nobody's", "params": {"x": "1"}},
    ]
    runs.apply(known, json.loads(json.dumps(records)))
    assert runs.values(known["r"]) == {"m": 3.0, "n": 1.0}
    assert (known["r"].status, known["r"].end, known["r"].name) == ("RUNNING", None, "other")
    assert known.keys() == {"r"}
    assert "a" not in known["r"].tags
