"""What of a file that a task can change is sent; without MLflow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from galley.inside.outbox import spool
from galley.tracking import files
from galley.tracking.client import TrackedRun, TrackingClient
from galley.tracking.outbox import Outbox
from galley.tracking.shipper import Shipper, close_open

pytestmark = pytest.mark.timeout(20)

RUN = TrackedRun(
    id="r", experiment_id="1", artifact_uri="mlflow-artifacts:/x", status="RUNNING", metrics={}
)


class Taking(TrackingClient):
    """Takes what is sent.

    Attributes:
        sent: name → pieces.
        meanwhile: called after the first piece.
    """

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9", None)
        self.sent: dict[str, list[bytes]] = {}
        self.meanwhile: Callable[[], object] = lambda: None

    def upload(self, run: TrackedRun, name: str, content: Iterable[bytes], size: int) -> None:
        assert run.id == RUN.id
        pieces = []
        for piece in content:
            pieces.append(piece)
            self.meanwhile()
        assert sum(map(len, pieces)) == size
        self.sent[name] = pieces

    def experiment(self, name: str) -> str:
        return f"id of {name}"

    def create(self, *_: object, **__: object) -> TrackedRun:
        return RUN

    def post(self, *_: object) -> None:
        pass


@pytest.fixture
def client() -> Taking:
    return Taking()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Folder of a log with an empty folder of files."""
    (tmp_path / "task" / "files").mkdir(parents=True)
    return tmp_path / "task"


def test_a_file_is_sent_in_pieces(client: Taking, log: Path) -> None:
    content = os.urandom(2 * 2**20 + 5)
    (log / "files" / "fit.ipynb").write_bytes(content)
    files.send(client, RUN, log, "fit.ipynb", "as.ipynb")
    (log / "files" / "empty").touch()
    files.send(client, RUN, log, "empty", "empty")
    assert b"".join(client.sent["as.ipynb"]) == content
    assert max(map(len, client.sent["as.ipynb"])) == 2**20
    assert client.sent["empty"] == []


def test_a_file_that_takes_no_room_on_disk_has_a_limit_all_the_same(
    client: Taking, log: Path
) -> None:
    with (log / "files" / "hole").open("wb") as file:
        file.truncate(2**40)
    said = f"it has {2**40} bytes, and 1024 MiB of a file are sent"
    with pytest.raises(files.Unfit, match=said):
        files.send(client, RUN, log, "hole", "x")
    assert client.sent == {}


def test_what_grows_while_it_is_sent_is_sent_as_it_was(client: Taking, log: Path) -> None:
    path = log / "files" / "x"
    path.write_bytes(b"a" * (2**20 + 1))
    client.meanwhile = lambda: path.open("ab").write(b"b" * 2**20)
    files.send(client, RUN, log, "x", "x")
    assert b"".join(client.sent["x"]) == b"a" * (2**20 + 1)


def test_what_becomes_shorter_while_it_is_sent_is_left_out(client: Taking, log: Path) -> None:
    path = log / "files" / "x"
    path.write_bytes(b"a" * (2**21 + 1))
    client.meanwhile = lambda: os.truncate(path, 10)
    with pytest.raises(files.Unfit, match="it became shorter while it was sent"):
        files.send(client, RUN, log, "x", "x")


@pytest.mark.parametrize("name", ["../log.jsonl", "a/b", "", "/etc/passwd"])
def test_only_names_are_sent(client: Taking, log: Path, name: str) -> None:
    for file, artifact in ((name, "x"), ("x", name)):
        with pytest.raises(files.Unfit, match="it has no proper name"):
            files.send(client, RUN, log, file, artifact)
    with pytest.raises(OSError, match="is not in"):
        files.send(client, RUN, log, "..", "x")


class Attempt:
    """An outbox with one task, and what is said of it."""

    def __init__(self, folder: Path, client: Taking) -> None:
        self.task = Outbox.begin(folder, None, name="fit", start_ms=1, tags={"galley.task": "fit"})
        self.own = folder / self.task.run
        self.said: list[str] = []
        self.shipper = Shipper(folder, "e", client, self.said.append)

    def names(self, file: str) -> None:
        """Have the task name a file to be sent."""
        record = {"op": "artifact", "run": self.task.run, "path": file, "file": file}
        spool.Log(self.own / spool.LOG).append(record)


@pytest.fixture
def attempt(tmp_path: Path, client: Taking) -> Attempt:
    return Attempt(tmp_path / "outbox", client)


def test_a_host_sends_nothing_of_its_own_where_a_task_makes_links(
    attempt: Attempt, client: Taking, tmp_path: Path
) -> None:
    tls = tmp_path / "cluster" / "tls"
    tls.mkdir(parents=True)
    (tls / "key.pem").write_text("key")
    for place, file in ((tls, "key.pem"), (Path("/proc/self"), "environ")):
        (attempt.own / "files").symlink_to(place)
        attempt.names(file)
        attempt.shipper.ship()
        (attempt.own / "files").unlink()
    (attempt.own / "files").mkdir()
    os.mkfifo(attempt.own / "files" / "pipe")
    (attempt.own / "files" / "link").symlink_to(tls / "key.pem")
    (attempt.own / "files" / "kept").write_text("mine")
    for file in ("pipe", "link", "kept"):
        attempt.names(file)
    attempt.shipper.ship()
    assert client.sent == {"kept": [b"mine"]}
    assert [line.split("is left out: ")[0] for line in attempt.said] == [
        f"the artifact {name!r} " for name in ("key.pem", "environ", "pipe", "link")
    ]
    assert "'files' on the way is a link or no folder" in attempt.said[0]


def test_a_log_that_is_refused_is_told_of_once_and_the_others_are_sent(
    attempt: Attempt, client: Taking, tmp_path: Path
) -> None:
    other = Outbox.begin(tmp_path / "outbox", spool.RUN, name="run", start_ms=1, tags={})
    (attempt.own / spool.LOG).unlink()
    os.mkfifo(attempt.own / spool.LOG)
    for _ in range(2):
        assert attempt.shipper.waiting(attempt.task.run) == 0
        attempt.shipper.ship()
    (line,) = attempt.said
    assert line.startswith("what is logged there is left out: ")
    assert f"{attempt.task.run}/log.jsonl is a link or no plain file" in line
    assert attempt.shipper.tasks() == (RUN.id, {})
    assert attempt.shipper.waiting(other.run) == 0


def test_what_can_be_ended_is_where_one_log_cannot(attempt: Attempt, tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    (attempt.own / spool.LOG).unlink()
    os.mkfifo(attempt.own / spool.LOG)
    first, last = (
        Outbox.begin(folder, name, name="fit", start_ms=1, tags={}) for name in ("a", "z")
    )
    full = Outbox.begin(folder, "f", name="full", start_ms=1, tags={})
    os.truncate(folder / "f" / spool.LOG, spool.MAX_LOG)
    said: list[str] = []
    close_open(folder, "FAILED", 7, said.append)
    for one in (first, last):
        assert _ops(one)[-1] == "closed"
    assert "closed" not in _ops(full)
    assert len(said) == 2
    assert all(line.startswith("the end of a run is not kept for MLflow: ") for line in said)


def _ops(outbox: Outbox) -> list[str]:
    return [one["op"] for one in spool.read(Path(outbox.uri.partition(":")[2]) / spool.LOG)[0]]


def test_a_log_that_has_no_room_now_is_ended_later(
    attempt: Attempt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Outbox.begin(tmp_path / "outbox", "z", name="fit", start_ms=1, tags={})
    append = spool.Log.append

    def full(log: spool.Log, record: spool.Record) -> None:
        if log.path.parent == attempt.own:
            raise spool.OutboxFull("the disk is full")
        append(log, record)

    monkeypatch.setattr(spool.Log, "append", full)
    with pytest.raises(spool.OutboxFull, match="the disk is full"):
        close_open(tmp_path / "outbox", "FAILED", 7, pytest.fail)
    assert _ops(other)[-1] == "closed"
    monkeypatch.undo()
    close_open(tmp_path / "outbox", "FAILED", 8, pytest.fail)
    assert _ops(attempt.task)[-1] == "closed"


def test_what_is_known_of_runs_is_told_where_the_state_is_refused(
    attempt: Attempt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt.shipper.ship()
    (tmp_path / "outbox" / spool.STATE).unlink()
    os.mkfifo(tmp_path / "outbox" / spool.STATE)
    assert attempt.shipper.known(attempt.task.run) == RUN.id
    with pytest.raises(OSError, match="is a link or no plain file"):
        attempt.shipper.ship()

    def closed(*_: object) -> None:
        raise PermissionError("the task has closed it to its owner")

    monkeypatch.setattr(spool, "read", closed)
    assert attempt.shipper.known(attempt.task.run) == RUN.id
