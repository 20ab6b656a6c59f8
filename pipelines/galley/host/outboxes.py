"""Sends what attempts logged to MLflow: while they run, after their end, after a restart.

One thread of the host does it, with the host's own token, so neither a notebook nor an attempt's
end ever waits for MLflow. Each attempt has a folder below ``outbox`` of the host's own folder,
which stays until all of it has arrived; a host that begins finds what the last one left. Tasks can
write in that folder, so nothing in it is opened but by way of :mod:`galley.inside.outbox.within`.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePath
from uuid import UUID

from galley.domain.work import TrackedRuns
from galley.errors import PublicError, Unavailable
from galley.host.config import HostConfig
from galley.host.service import Service
from galley.inside.outbox import spool, within
from galley.inside.outbox.within import Refused
from galley.run.job import write_private
from galley.run.processes import kill_all, marked
from galley.tracking.client import TrackingClient, TrackingRefused, TrackingUnavailable
from galley.tracking.shipper import Shipper, TooEarly, close_open

logger = logging.getLogger(__name__)

TICK_S = 0.25
LIVE_S = 10.0
"""How often what a running task logs is sent: a task that ends sooner needs one batch."""
TIMEOUT_S = 60.0
MAX_PAUSE_S = 30.0
_NOTE = "attempt.json"
_MAX_NOTE = 2**16
_ENDED = "ended"
_WANTED = "wanted"


@dataclass
class _Attempt:
    """One attempt's outbox.

    Attributes:
        attempt: its id.
        say: takes a sentence for the attempt's log; only for the host's own once it has ended.
        due: name of a log → when it is to be sent next, monotonic seconds.
    """

    attempt: UUID
    folder: Path
    shipper: Shipper
    say: Callable[[str], None]
    due: dict[str, float] = field(default_factory=dict)
    silent: bool = False
    quiet_until: float = 0.0


class Outboxes(threading.Thread):
    """The outboxes of a host.

    Args:
        client: the way to the tenant's MLflow; None: by the service, with the host's token.
    """

    def __init__(
        self, config: HostConfig, service: Service, client: TrackingClient | None = None
    ) -> None:
        super().__init__(name="outboxes", daemon=True)
        self._folder = config.folder / "outbox"
        self._service = service
        self._client = client or TrackingClient(
            f"{config.origin}/services/mlflow/{config.tenant}", config.token, timeout_s=TIMEOUT_S
        )
        self._lock = threading.Lock()
        self._attempts: dict[UUID, _Attempt] = {}
        self._closed = threading.Event()
        self._empty = threading.Condition(self._lock)
        self._pause = 0.0
        self._quiet_until = 0.0

    def adopt(self) -> None:
        """Take over what an earlier host left: its attempts have ended."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in sorted(self._folder.iterdir()):
            try:
                if not within.there(self._folder, PurePath(folder.name, _NOTE)):
                    continue
                note = within.read(self._folder, PurePath(folder.name, _NOTE), _MAX_NOTE)
                attempt, experiment = UUID(folder.name), str(json.loads(note)["experiment"])
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                logger.warning("the outbox %s is left alone: %s", folder, error)
                continue
            self._watch(attempt, experiment, logger.warning)
            kill_all(marked("GALLEY_ATTEMPT", str(attempt)))  # nobody waits for it any more
            self.ended(attempt, "KILLED")

    def open(self, attempt: UUID, experiment: str, say: Callable[[str], None]) -> Path:
        """Return the folder of a new attempt's outbox; what is written there will be sent.

        Args:
            say: takes a sentence for the attempt's log.
        """
        folder = self._folder / str(attempt)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / _NOTE, json.dumps({"experiment": experiment}))
        self._watch(attempt, experiment, say)
        return folder

    def ended(self, attempt: UUID, status: str) -> None:
        """Note that nothing is written any more; what nobody ended has ended as ``status``."""
        folder = self._folder / str(attempt)
        found = self._attempts.get(attempt)
        if found is None or _is_over(folder):
            return
        try:
            now_ms = int(datetime.now(UTC).timestamp() * 1000)
            close_open(folder, status, now_ms, lambda why: found.say(f"tracking: {why}"))
            os.close(within.opened(folder, PurePath(_ENDED), os.O_WRONLY | os.O_CREAT))
            spool.sync(folder)
        except (spool.OutboxFull, OSError):
            logger.exception("the outbox of attempt %s could not be ended", attempt)
        found.say = logger.warning

    def known(self, attempt: UUID, run: str | None) -> str | None:
        """Return the id that people use for a run of an attempt; None while it has none."""
        if run is None or spool.LOCAL_RUN.fullmatch(run) is None:
            return run
        found = self._attempts.get(attempt)
        return found.shipper.known(run) if found else None

    def run(self) -> None:
        """Send until closed."""
        while not self._closed.wait(TICK_S):
            self.step()

    def drain(self, timeout_s: float) -> bool:
        """Wait until everything was sent; returns whether it was."""
        with self._empty:
            return self._empty.wait_for(lambda: not self._attempts, timeout_s)

    def close(self) -> None:
        """Stop; what was not sent stays for the next host."""
        self._closed.set()
        if self.is_alive():
            self.join(timeout=2)  # whatever it does then may be interrupted at any point
        self._client.close()

    def step(self) -> None:
        """Send what is due."""
        if time.monotonic() < self._quiet_until:
            return
        for attempt in list(self._attempts.values()):
            if time.monotonic() < attempt.quiet_until:
                continue
            try:
                self._send(attempt)
                self._pause = 0.0
            except TooEarly as error:
                attempt.quiet_until = time.monotonic() + error.left_s
            except (TrackingRefused, Refused) as error:  # this attempt's matter; the others go on
                self._tell(attempt, str(error))
            except (TrackingUnavailable, Unavailable) as error:
                self._pause = min(MAX_PAUSE_S, 2 * self._pause or 1.0)
                self._quiet_until = time.monotonic() + self._pause
                self._tell(attempt, str(error))
                return
            except Exception:
                logger.exception("the outbox of attempt %s could not be sent", attempt.attempt)
                self._tell(attempt, "an error of the host's own; its log has more")

    def _watch(self, attempt: UUID, experiment: str, say: Callable[[str], None]) -> None:
        folder = self._folder / str(attempt)

        def tell(sentence: str) -> None:
            found.say(f"tracking: {sentence}")

        found = _Attempt(attempt, folder, Shipper(folder, experiment, self._client, tell), say)
        with self._lock:
            self._attempts[attempt] = found

    def _send(self, attempt: _Attempt) -> None:
        over = _is_over(attempt.folder)
        try:
            self._send_logs(attempt, over=over)
        except Refused as error:
            if not over:
                raise
            attempt.say(f"tracking: what attempt {attempt.attempt} logged is lost: {error}")
        if over and attempt.silent:
            attempt.silent = False
            logger.warning("the outbox of attempt %s was sent", attempt.attempt)
        if over:
            self._finish(attempt)

    def _send_logs(self, attempt: _Attempt, *, over: bool) -> None:
        for name in spool.logs(attempt.folder):
            if self._is_due(attempt, name, over=over):
                attempt.shipper.ship(name)
                attempt.due.pop(name, None)
                within.remove(attempt.folder, PurePath(name, _WANTED))

    def _is_due(self, attempt: _Attempt, name: str, *, over: bool) -> bool:
        if attempt.shipper.waiting(name) == 0:
            within.remove(attempt.folder, PurePath(name, _WANTED))
            return False
        now = time.monotonic()
        first = name == spool.RUN and name not in attempt.due
        due = attempt.due.setdefault(name, now if first else now + LIVE_S)
        wanted = within.there(attempt.folder, PurePath(name, _WANTED))
        return over or wanted or now >= due or _is_closed(attempt.folder, name)

    def _finish(self, attempt: _Attempt) -> None:
        """Tell the service which runs there are, and forget an attempt that was sent as a whole."""
        attempt.shipper.settle()
        own, tasks = attempt.shipper.tasks()
        if own is not None or tasks:
            try:
                self._service.tracked(attempt.attempt, TrackedRuns(mlflow_run_id=own, tasks=tasks))
            except Unavailable:
                raise
            except PublicError as error:
                logger.warning("attempt %s: %s", attempt.attempt, error.detail)
        attempt.shipper.close()
        with self._empty:
            del self._attempts[attempt.attempt]
            self._empty.notify_all()
        shutil.rmtree(attempt.folder, ignore_errors=True)

    def _tell(self, attempt: _Attempt, reason: str) -> None:
        """Say once that an attempt's outbox waits, and leave it alone for a while."""
        attempt.quiet_until = time.monotonic() + (self._pause or MAX_PAUSE_S)
        if not attempt.silent:
            attempt.silent = True
            attempt.say(f"tracking: what is logged waits for MLflow; the run goes on. {reason}")


def _is_over(folder: Path) -> bool:
    return within.there(folder, PurePath(_ENDED))


def _is_closed(folder: Path, name: str) -> bool:
    """Whether the last record of a log says that nothing follows."""
    with os.fdopen(within.opened(folder, PurePath(name, spool.LOG)), "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 200))
        return b'{"op":"closed"' in file.read()
