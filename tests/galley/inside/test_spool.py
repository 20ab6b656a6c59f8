"""The outbox's files, without MLflow."""

from __future__ import annotations

import json
import multiprocessing
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from galley.inside.outbox import runs, spool


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


def test_a_disk_that_is_full_is_an_error() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    with pytest.raises(spool.OutboxFull, match="cannot be written"):
        spool.Log(full).append({"op": "batch"})


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
