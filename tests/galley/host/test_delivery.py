"""How an attempt's end is told to a service that cannot take it at once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from galley.domain.runs import AttemptState
from galley.domain.work import HeartbeatReply, Outcome
from galley.errors import Conflict
from galley.host.config import HostConfig
from galley.host.delivery import deliver
from galley.host.reporter import Reporter
from galley.host.service import Service

from tests.galley.host.recording_service import assignment
from tests.galley.run.jobs import make_job


class ServiceWithAFullDisk:
    """Takes an outcome once the lease was renewed often enough since it could not take it.

    Args:
        beats: how often.
        patience: tries after which another host has the attempt.
    """

    def __init__(self, beats: int, patience: int) -> None:
        self.wanted = beats
        self.patience = patience
        self.tries = 0
        self.beats = 0
        self.outcomes: list[Outcome] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/heartbeat"):
            self.beats += 1
            return renewed()
        self.tries += 1
        alive, self.beats = self.tries > 1 and self.beats >= self.wanted, 0
        if alive:
            self.outcomes.append(Outcome.model_validate_json(request.content))
            return httpx.Response(200)
        if self.tries < self.patience:
            return httpx.Response(500, text="no space left on device")
        return httpx.Response(409, json={"code": "conflict", "detail": "another has its lease"})


class ServiceThatJudgesForLong:
    """Answers an outcome once the lease was renewed meanwhile."""

    def __init__(self) -> None:
        self.renewed = threading.Event()
        self.outcomes: list[Outcome] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/heartbeat"):
            self.renewed.set()
            return renewed()
        self.renewed.clear()
        assert self.renewed.wait(60), "its lease has ended by now"
        self.outcomes.append(Outcome.model_validate_json(request.content))
        return httpx.Response(200)


def renewed() -> httpx.Response:
    reply = HeartbeatReply(cancel=False, lease_until=datetime.now(UTC))
    return httpx.Response(200, text=reply.model_dump_json())


def tell(folder: Path, service: ServiceWithAFullDisk | ServiceThatJudgesForLong) -> Reporter:
    """Deliver a success."""
    work = assignment().model_copy(update={"heartbeat_s": 0.02})
    config = HostConfig(
        service_url="http://galley.test/services/galley",
        token="host-token",
        tenant="oncology",
        name="oncology@test",
        folder=folder,
    )
    outboxes: Any = None  # no MLflow
    called = Service(config, httpx.MockTransport(service))
    reporter = Reporter(called, work, make_job(folder), outboxes)
    outcome = Outcome(fencing=work.fencing, state=AttemptState.SUCCEEDED, duration_s=1)
    deliver(called, work, outcome, reporter, threading.Event())
    return reporter


def test_the_lease_is_renewed_while_an_outcome_waits(tmp_path: Path) -> None:
    service = ServiceWithAFullDisk(beats=4, patience=5)
    tell(tmp_path, service)
    (outcome,) = service.outcomes
    assert outcome.state is AttemptState.SUCCEEDED


def test_the_lease_is_renewed_while_an_outcome_is_judged(tmp_path: Path) -> None:
    service = ServiceThatJudgesForLong()
    tell(tmp_path, service)
    assert len(service.outcomes) == 1


def test_a_refused_outcome_is_not_told_again(tmp_path: Path) -> None:
    service = ServiceWithAFullDisk(beats=10**9, patience=2)
    with pytest.raises(Conflict, match="another has its lease"):
        tell(tmp_path, service)
    assert (service.tries, service.outcomes) == (2, [])
