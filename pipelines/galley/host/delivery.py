"""Telling the service how an attempt ended, and what it left, however long that takes."""

from __future__ import annotations

import logging
import threading
import time

from galley.domain.work import Assignment, Outcome
from galley.errors import Unavailable
from galley.host.reporter import Reporter
from galley.host.service import Service

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
LAST_TRY_S = 3.0
"""How long a host that must end itself tries."""


def deliver(
    service: Service,
    assignment: Assignment,
    outcome: Outcome,
    reporter: Reporter,
    stopping: threading.Event,
) -> None:
    """Report until the service has it or refuses it; a stopping host tries for 3 s.

    The lease is renewed meanwhile: what the attempt has come to would be lost with it, and the
    notebook executed again. The pauses and a slow answer are longer than a lease may be.

    Args:
        reporter: closed; it has what was not told yet.
        stopping: set when the host itself must end.

    Raises:
        PublicError: the service refuses it.
    """
    pause = FIRST_PAUSE_S
    give_up = time.monotonic() + LAST_TRY_S
    with reporter.renewing():
        while True:
            try:
                _send(service, assignment, outcome, reporter)
            except Unavailable as error:
                logger.warning("the outcome waits: %s", error.detail)
                if stopping.is_set() and time.monotonic() > give_up:
                    return
                stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                return


def _send(service: Service, assignment: Assignment, outcome: Outcome, reporter: Reporter) -> None:
    _send_log(reporter)
    reporter.notebooks.ship()
    reporter.ship_files()
    if reporter.log.waiting:  # it names what is not kept
        _send_log(reporter)
    told = {
        "fencing": assignment.fencing,
        "log_offset": reporter.log.offset,
        "tasks": reporter.named(outcome.tasks),
    }
    service.outcome(assignment, outcome.model_copy(update=told))


def _send_log(reporter: Reporter) -> None:
    while reporter.beat():
        pass
