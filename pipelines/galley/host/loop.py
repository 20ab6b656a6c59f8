"""The lease loop: ask for work while there is room for it, until told to stop."""

from __future__ import annotations

import logging
import threading
import time
from uuid import UUID

from galley.cluster.provider import ClusterProvider
from galley.domain.work import Assignment, LeaseRequest
from galley.errors import Forbidden, NotSignedIn, Unavailable
from galley.host.attempt import AttemptRun
from galley.host.config import HostConfig
from galley.host.outboxes import Outboxes
from galley.host.runners import Runners
from galley.host.service import Service
from galley.run.zygotes import Zygotes

logger = logging.getLogger(__name__)

WAIT_S = 20.0
MAX_PAUSE_S = 10.0
TEND_S = 5.0
"""How long the host of one rehearsal stays for MLflow to take what was logged, seconds."""


class Host:
    """Leases work, up to ``config.slots`` attempts at a time."""

    def __init__(
        self, config: HostConfig, service: Service, cluster: ClusterProvider, runners: Runners
    ) -> None:
        self._config = config
        self._service = service
        self._cluster = cluster
        self._runners = runners
        self._outboxes = Outboxes(config, service)
        self._room = threading.Semaphore(config.slots)
        self._attempts: dict[threading.Thread, UUID] = {}
        self._used_at = time.monotonic()
        self.stopping = threading.Event()

    def stop(self) -> None:
        """Lease no more and end what runs; may be called from a signal handler."""
        self.stopping.set()

    def run(self) -> None:
        """Lease until stopped, or once; returns when nothing runs any more.

        Raises:
            NotSignedIn, Forbidden: the service does not know this host any more.
        """
        if self._config.once:
            self._runners.warm()
        tending = threading.Thread(target=self._tend, name="tend", daemon=True)
        tending.start()
        self._outboxes.adopt()
        self._outboxes.start()
        try:
            self._lease_until_stopped()
        finally:
            if not self._config.once:
                self.stopping.set()
            for attempt in list(self._attempts):
                attempt.join()
            self._runners.cool()
            self._cluster.close()
            Zygotes(self._config.zygotes).close()
            self._linger()
            self.stopping.set()
            self._outboxes.close()

    def _linger(self) -> None:
        """Wait until a rehearsal's outbox was sent: its folder goes with this host."""
        deadline = time.monotonic() + self._config.linger_s
        while self._config.once and not self.stopping.is_set() and time.monotonic() < deadline:
            if self._outboxes.drain(0.5):
                return

    def _lease_until_stopped(self) -> None:
        pause, answered = 0.5, True
        while not self.stopping.is_set():
            if not self._room.acquire(timeout=0.5):
                continue
            holds = None if answered else tuple(self._attempts.values())
            try:
                assignment = self._service.lease(
                    LeaseRequest(host=self._config.name, slots=1, wait_s=WAIT_S, holds=holds)
                )
            except Unavailable as error:
                answered = False
                self._room.release()
                logger.warning("no lease: %s", error.detail)
                self.stopping.wait(pause)
                pause = min(2 * pause, MAX_PAUSE_S)
                continue
            except (NotSignedIn, Forbidden):
                self._room.release()
                raise
            pause, answered = 0.5, True
            if assignment is None:
                self._room.release()
                continue
            self._begin(assignment)
            if self._config.once:
                return

    def _begin(self, assignment: Assignment) -> None:
        attempt = threading.Thread(
            target=self._execute, args=(assignment,), name=f"attempt-{assignment.attempt}"
        )
        self._attempts[attempt] = assignment.attempt
        attempt.start()

    def _execute(self, assignment: Assignment) -> None:
        try:
            AttemptRun(
                self._config,
                self._service,
                self._cluster,
                self._runners,
                self._outboxes,
                assignment,
                self.stopping,
            ).run()
        finally:
            self._attempts.pop(threading.current_thread(), None)
            self._used_at = time.monotonic()
            self._room.release()

    def _tend(self) -> None:
        while not self.stopping.wait(TEND_S):
            self._cluster.tend()
            if not self._attempts and time.monotonic() - self._used_at >= self._config.idle_s:
                self._runners.cool()
