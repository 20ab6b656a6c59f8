"""The loops of the service: what each does in one pass."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
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
from galley.service.keeping import Keeper
from galley.service.loops import Loop
from galley.service.rendering import Renderer
from galley.service.tenants_view import why_unavailable
from galley.service.wakeup import Wakeup
from galley.store import Store, drains, housekeeping, versions

REHEARSAL_PATIENCE_S = 60.0
"""How long a rehearsal may wait after its host was started before another one is, seconds."""

_log = logging.getLogger(__name__)


class Background:
    """The passes. Each is idempotent: what one pass leaves undone, the next one does."""

    def __init__(
        self,
        settings: Settings,
        tenants: Callable[[], Tenants],
        store: Store,
        blobs: Blobs,
        launcher: Launcher,
        renderer: Renderer,
        clock: Callable[[], datetime],
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
        self._keeper = keeper
        self._adopted = False
        self._rehearsals: dict[UUID, datetime] = {}

    def loops(self, moved: Wakeup) -> tuple[Loop, ...]:
        """Return the loops; ``moved`` rings when something happened."""
        return (
            Loop("scheduler", self.fire, every_s=1),
            Loop("reaper", self.reap, every_s=2),
            Loop("launcher", self.launch, every_s=2, wake=moved),
            Loop("mirror", self.mirror, every_s=10, wake=moved),
            Loop("housekeeping", self.tidy, every_s=3600),
        )

    def fire(self) -> None:
        """Record the runs of schedules that are due."""
        tenants, now = self._tenants(), self._clock()
        due = self._store.read(lambda s: schedule.next_due(s, tenants))
        if due is not None and due <= now:
            self._store.write(lambda s: schedule.materialise_due(s, tenants, now))

    def reap(self) -> None:
        """Take back what lost hosts had leased, and settle rehearsals that ended so."""
        tenants, now = self._tenants(), self._clock()

        def reap(session: Session) -> None:
            dispatch.reap(session, now)
            settle_rehearsals(session, tenants, now)

        self._store.write(reap)

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
        known = {one.run for one in waiting}
        self._rehearsals = {run: at for run, at in self._rehearsals.items() if run in known}
        starts: list[tuple[str, Callable[[], object]]] = []
        for one in waiting:
            started = self._rehearsals.get(one.run)
            late = started is None or (now - started).total_seconds() >= REHEARSAL_PATIENCE_S
            if one.tenant in ready and late:
                self._rehearsals[one.run] = now
                start = partial(
                    self._launcher.start_rehearsal_host, one.tenant, one.author, one.run
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
        self._store.write(lambda s: versions.set_commit(s, version.id, commit))

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
        self._store.write(lambda s: housekeeping.tidy(s, now))
        self._keeper.tidy(self._tenants(), now)


def _each(steps: Sequence[tuple[str, Callable[[], object]]]) -> None:
    """Do all the steps; what one fails with does not hold up the others, and is raised last.

    Raises:
        GalleyError: names the steps that failed.
    """
    failures = []
    for name, step in steps:
        try:
            step()
        except Exception as error:  # whatever it is, it is another tenant's
            _log.exception("%s failed", name)
            failures.append(f"{name}: {error}")
    if failures:
        raise GalleyError("; ".join(failures))


def mirror_path(settings: Settings, tenant: str) -> Path:
    """Return the folder of a tenant's bare Git repository."""
    return settings.service_state / "git" / f"{tenant}.git"
