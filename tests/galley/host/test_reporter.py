"""What an attempt's reporter does while it sends what is large."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from galley.domain.usage import Used
from galley.domain.work import Assignment, Heartbeat, HeartbeatReply
from galley.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    NotSignedIn,
    PublicError,
    Unavailable,
)
from galley.host.config import HostConfig
from galley.host.reporter import Reporter
from galley.host.service import Service

from tests.galley.host.recording_service import assignment
from tests.galley.run.jobs import make_job


class SlowService:
    """Takes a file only once it has had heartbeats meanwhile."""

    def __init__(self, *answers: Exception | None, cancel: bool = False) -> None:
        self.answers = list(answers)
        self.cancel = cancel
        self.beats: list[Heartbeat] = []
        self.sent: list[str] = []
        self.alive = threading.Event()

    def heartbeat(self, work: Assignment, beat: Heartbeat) -> HeartbeatReply:
        assert beat.fencing == work.fencing
        self.beats.append(beat)
        answer = self.answers.pop(0) if self.answers else None
        if not self.answers:
            self.alive.set()
        if answer is not None:
            raise answer
        return HeartbeatReply(cancel=self.cancel, lease_until=datetime.now(UTC))

    def upload_file(self, attempt: UUID, token: str, path: Path) -> None:
        assert self.alive.wait(60), "its lease has ended by now"
        self.sent.append(path.name)

    def upload(self, attempt: UUID, token: str, task: str, notebook: bytes) -> None:
        assert self.alive.wait(60), "its lease has ended by now"
        self.sent.append(task)


def reporter_of(folder: Path, service: Any) -> Reporter:
    job = make_job(folder)
    job.outputs.mkdir(parents=True)
    (job.outputs / "fit.csv").write_text("1")
    job.notebooks.mkdir(parents=True)
    (job.notebooks / "fit.ipynb").write_text('{"cells": []}')
    work = assignment().model_copy(update={"heartbeat_s": 0.02})
    outboxes: Any = None  # no MLflow
    return Reporter(service, work, job, outboxes)


@pytest.mark.parametrize("what", ["notebooks", "files"])
def test_the_lease_is_renewed_while_something_large_is_sent(tmp_path: Path, what: str) -> None:
    service = SlowService(Unavailable("busy"), None, None, cancel=True)
    reporter = reporter_of(tmp_path, service)
    if what == "files":
        reporter.ship_files()
    else:
        reporter.notebooks.ship()
    assert service.sent == [{"files": "fit.csv", "notebooks": "fit"}[what]]
    assert len(service.beats) >= 3
    assert {(beat.log, beat.log_offset) for beat in service.beats} == {("", 0)}
    assert reporter.cancel.is_set()
    assert not reporter.lost.is_set()


def test_a_lease_that_is_refused_meanwhile_is_not_asked_for_again(tmp_path: Path) -> None:
    service = SlowService(Conflict("another attempt has it"))
    reporter = reporter_of(tmp_path, service)
    reporter.ship_files()
    assert reporter.lost.is_set()
    assert len(service.beats) == 1


@pytest.mark.parametrize(
    ("refusal", "lost"),
    [
        (Conflict("it has ended"), True),
        (NotSignedIn("its token has ended"), True),
        (NotFound("there is no such attempt"), True),
        (Forbidden("not at the moment"), False),
        (InvalidInput("not that"), False),
        (PublicError("404 of a proxy on the way"), False),
    ],
)
@pytest.mark.parametrize("while_it_sends", [False, True])
def test_only_who_says_so_has_given_the_attempt_away(
    tmp_path: Path, refusal: PublicError, *, lost: bool, while_it_sends: bool
) -> None:
    service = SlowService(refusal, *([None] if while_it_sends and not lost else []))
    reporter = reporter_of(tmp_path, service)
    if while_it_sends:
        reporter.ship_files()
    else:
        reporter._tick()
    assert reporter.lost.is_set() is lost


def test_a_notebook_that_is_refused_is_named_in_the_log(tmp_path: Path) -> None:
    class Service(SlowService):
        def upload(self, attempt: UUID, token: str, task: str, notebook: bytes) -> None:
            raise InvalidInput("it is no notebook")

    reporter = reporter_of(tmp_path, Service(None))
    make_job(tmp_path).journal.mkdir()
    reporter._tick()
    assert not reporter.lost.is_set()
    assert "is not kept: it is no notebook" in reporter.log.next()


class ServiceWithoutRoom:
    """Renews the lease and keeps nothing of the log, until it was asked twice.

    Args:
        cancel: whether it wants the attempt to end.
    """

    def __init__(self, *, cancel: bool) -> None:
        self.cancel = cancel
        self.beats: list[Heartbeat] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.beats.append(Heartbeat.model_validate_json(request.content))
        if len(self.beats) < 3:
            no_room = Unavailable("the log cannot be written", cancel=self.cancel)
            return httpx.Response(503, json=no_room.problem())
        reply = HeartbeatReply(cancel=False, lease_until=datetime.now(UTC))
        return httpx.Response(200, text=reply.model_dump_json())


@pytest.mark.parametrize("cancel", [False, True])
def test_what_the_service_has_no_room_for_is_sent_again(tmp_path: Path, cancel: bool) -> None:
    answers = ServiceWithoutRoom(cancel=cancel)
    config = HostConfig(
        service_url="http://galley.test/services/galley",
        token="host-token",
        tenant="oncology",
        name="oncology@test",
        folder=tmp_path,
    )
    reporter = reporter_of(tmp_path, Service(config, httpx.MockTransport(answers)))
    job = make_job(tmp_path)
    job.journal.mkdir()
    (job.journal / "attempt.log").write_text("première\n", encoding="utf-8")
    point = Used(task="fit", at=datetime(2026, 11, 21, tzinfo=UTC), memory=5, cpu_s=1)
    (job.journal / "usage.jsonl").write_text(f"{point.model_dump_json()}\n")
    for _ in range(2):
        with pytest.raises(Unavailable, match="cannot be written"):
            reporter.beat()
    assert (reporter.log.offset, reporter.log.waiting, reporter.usage.waiting) == (0, True, True)
    assert reporter.beat()
    assert not reporter.beat()
    told = [(beat.log_offset, beat.log, beat.used) for beat in answers.beats]
    assert told == [*[(0, "première\n", (point,))] * 3, (len("première\n".encode()), "", ())]
    assert reporter.cancel.is_set() is cancel
    assert not reporter.lost.is_set()
