"""The loops of the service: what each does in one pass."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from galley import dispatch, schedule
from galley.domain.settings import Settings
from galley.domain.tenants import Tenants
from galley.domain.versions import Version
from galley.errors import GalleyError
from galley.launcher import Launcher
from galley.project import archive
from galley.registry.blobs import Blobs
from galley.registry.mirror import Mirror, MirrorEntry
from galley.review import settle_rehearsals
from galley.schedule import backfill, upstream, watch
from galley.service.keeping import Keeper
from galley.service.leading import Leading
from galley.service.loops import Loop
from galley.service.rendering import Renderer
from galley.service.tenants_view import why_unavailable
from galley.service.wakeup import Wakeup
from galley.service.watching import Watcher
from galley.store import Store, drains, housekeeping, versions
from galley.store.leases import LostLease

LOOPS = (
    "scheduler",
    "backfills",
    "triggers",
    "files",
    "reaper",
    "launcher",
    "mirror",
    "housekeeping",
)

REHEARSAL_PATIENCE_S = 60.0
"""How long a rehearsal may wait after its host was started before another one is, seconds."""

AGAIN_S = 1.0
"""After how long a loop that found something to do looks for more, seconds."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


def _alone(session: Session, loop: str) -> None:
    """No other process runs loops."""


class Background:
    """The passes. Each is idempotent: what one pass leaves undone, the next one does.

    Args:
        require: stops a transaction of a loop that another process has taken over.
    """

    def __init__(
        self,
        settings: Settings,
        tenants: Callable[[], Tenants],
        store: Store,
        blobs: Blobs,
        launcher: Launcher,
        renderer: Renderer,
        clock: Callable[[], datetime],
        require: Callable[[Session, str], None] = _alone,
        *,
        keeper: Keeper,
    ) -> None:
        self._settings = settings
        self._tenants = tenants
        self._store = store
        self._blobs = blobs
        self._launcher = launcher
        self._renderer = renderer
        self._clock = clock
        self._require = require
        self._watcher = Watcher(settings, tenants)
        self._keeper = keeper
        self._adopted = False
        self._rehearsals: dict[tuple[UUID, int], datetime] = {}

    def loops(self, changed: Wakeup, leading: Leading) -> tuple[Loop, ...]:
        """Return the loops, run by whoever leads; ``changed`` rings when there may be work."""
        steps: dict[str, tuple[Callable[[], object], float, Wakeup | None]] = {
            "scheduler": (self.fire, 1, None),
            "backfills": (self.backfill, 5, changed),
            "triggers": (self.hear, 5, changed),
            "files": (self.watch, 2, None),
            "reaper": (self.reap, 2, None),
            "launcher": (self.launch, 2, changed),
            "mirror": (self.mirror, 10, changed),
            "housekeeping": (self.tidy, 3600, None),
        }
        first = {"launcher": self.forget_hosts}
        # What is due comes before what was lost, which may be much, and can wait for a second.
        at_once = {name: leading.gained for name in steps if name != "reaper"}
        return tuple(
            Loop(
                name,
                leading.only(name, step, first.get(name)),
                every_s=every_s,
                wake=wake,
                leads=partial(leading.leads, name),
                gained=at_once.get(name),
            )
            for name, (step, every_s, wake) in steps.items()
        )

    def fire(self) -> float | None:
        """Record the runs of schedules that are due; return how long none will be, seconds."""
        tenants, now = self._tenants(), self._clock()
        due = self._store.read(lambda s: schedule.next_due(s, tenants))
        if due is None:
            return None
        if due <= now:
            self._store.write(
                self._fenced("scheduler", lambda s: schedule.materialise_due(s, tenants, now))
            )
            return 0.0
        return (due - now).total_seconds()

    def backfill(self) -> float | None:
        """Record the next runs of backfills, and end those that are through.

        Return how soon to look again, seconds: there may be more than one pass takes. What
        begins, ends or frees room meanwhile is an event, which wakes the loop.
        """
        tenants, now = self._tenants(), self._clock()
        due = self._store.read(lambda s: backfill.backfills_due(s, tenants))
        if due:
            self._store.write(
                self._fenced("backfills", lambda s: backfill.step(s, tenants, due, now))
            )
        return AGAIN_S if due else None

    def hear(self) -> float | None:
        """Fire the triggers whose pipelines upstream have succeeded; as :meth:`backfill`."""
        tenants, now = self._tenants(), self._clock()
        waits = self._store.read(lambda s: upstream.successes_wait(s, tenants))
        if waits:
            self._store.write(self._fenced("triggers", lambda s: upstream.step(s, tenants, now)))
        return AGAIN_S if waits else None

    def watch(self) -> None:
        """Look at the files that triggers watch, and fire where one has changed."""
        tenants, now = self._tenants(), self._clock()
        watched = self._store.read(lambda s: watch.due(s, tenants, now))
        if watched:
            looks, seen = self._watcher.look(watched), self._clock()
            if looks:
                self._store.write(
                    self._fenced("files", lambda s: watch.take(s, tenants, looks, seen))
                )

    def reap(self) -> float | None:
        """Take back what lost hosts had leased, and settle rehearsals that ended so.

        Return how soon to look again, seconds: there may be more than one pass takes.
        """
        tenants, now = self._tenants(), self._clock()

        def reap(session: Session) -> list[UUID]:
            moved = dispatch.reap(session, now)
            settle_rehearsals(session, tenants, now)
            return moved

        return 0.0 if self._store.write(self._fenced("reaper", reap)) else None

    def forget_hosts(self) -> None:
        """Look at the next pass which hosts there are: another process may have started some."""
        self._adopted = False

    def launch(self) -> None:
        """See that each tenant has its host, and each waiting rehearsal one of its own."""
        if not self._adopted:
            self._launcher.adopt()
            self._adopted = True
        tenants = self._tenants().tenants
        ready = [n for n, t in tenants.items() if why_unavailable(self._settings, t) is None]
        if self._store.read(drains.all_drained):
            return
        starts = [(f"host of {n!r}", partial(self._launcher.ensure_tenant_host, n)) for n in ready]
        _each([*starts, *self._rehearsal_hosts(frozenset(ready))])

    def _rehearsal_hosts(self, ready: frozenset[str]) -> list[tuple[str, Callable[[], object]]]:
        """Return how to start the hosts of rehearsals that wait and have had none lately."""
        now = self._clock()
        waiting = self._store.read(lambda s: dispatch.rehearsals_waiting(s, now))
        known = {(one.run, one.attempt) for one in waiting}
        self._rehearsals = {one: at for one, at in self._rehearsals.items() if one in known}
        starts: list[tuple[str, Callable[[], object]]] = []
        for one in waiting:
            started = self._rehearsals.get((one.run, one.attempt))
            late = started is None or (now - started).total_seconds() >= REHEARSAL_PATIENCE_S
            if one.tenant in ready and late:
                self._rehearsals[one.run, one.attempt] = now
                start = partial(
                    self._launcher.start_rehearsal_host,
                    one.tenant,
                    one.author,
                    one.run,
                    one.attempt,
                )
                starts.append((f"rehearsal host of {one.author!r} in {one.tenant!r}", start))
        return starts

    def mirror(self) -> None:
        """Commit published versions to their tenant's Git repository."""
        _each(
            [
                (f"version {one.number} of {one.pipeline!r}", partial(self._mirror, one))
                for one in self._store.read(versions.unmirrored)
            ]
        )

    def _mirror(self, version: Version) -> None:
        commit = self._commit(version)
        self._store.write(
            self._fenced("mirror", lambda s: versions.set_commit(s, version.id, commit))
        )

    def _commit(self, version: Version) -> str:
        keys = self._store.read(lambda s: versions.blobs(s, version.id))
        repository = mirror_path(self._settings, version.tenant)
        return Mirror(repository, version.tenant).write(
            MirrorEntry(
                pipeline=version.pipeline,
                number=version.number,
                files=archive.read(self._blobs.get(keys.project)),
                author=version.author,
                at=version.created_at,
                message=version.note,
            )
        )

    def tidy(self) -> None:
        """Forget what served its purpose, and of old runs what the policies do not keep."""
        now = self._clock()
        self._renderer.tidy(now)
        self._store.write(self._fenced("housekeeping", lambda s: housekeeping.tidy(s, now)))
        self._keeper.tidy(self._tenants(), now)

    def _fenced(self, loop: str, work: Callable[[Session], T]) -> Callable[[Session], T]:
        """Return ``work`` as what is refused once another process runs the loop."""

        def fenced(session: Session) -> T:
            self._require(session, loop)
            return work(session)

        return fenced


def _each(steps: Sequence[tuple[str, Callable[[], object]]]) -> None:
    """Do all the steps; what one fails with does not hold up the others, and is raised last.

    Raises:
        GalleyError: names the steps that failed.
        LostLease: another process has taken over; the steps that are left are its own.
    """
    failures = []
    for name, step in steps:
        try:
            step()
        except LostLease:
            raise
        except Exception as error:  # whatever it is, it is another tenant's
            _log.exception("%s failed", name)
            failures.append(f"{name}: {error}")
    if failures:
        raise GalleyError("; ".join(failures))


def mirror_path(settings: Settings, tenant: str) -> Path:
    """Return the folder of a tenant's bare Git repository."""
    return settings.service_state / "git" / f"{tenant}.git"
