"""Keeping and letting go: policies applied in small batches, and what is on disk.

The store forgets first and notes which files are to go: a run that is tried again meanwhile keeps
them, and what a crash leaves on disk the next pass removes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from galley.domain.retention import (
    DiskUse,
    EndedState,
    OldRun,
    RemovedRuns,
    RetentionPolicy,
    RetentionReport,
)
from galley.domain.tenants import Tenant, Tenants
from galley.registry.blobs import Blobs
from galley.service.artifacts import Artifacts, size_of
from galley.service.logs import Logs
from galley.service.mlflow.pruning import Pruning
from galley.service.resources import Resources
from galley.store import Store, audit, retention, runs, versions
from galley.store.tables import PipelineRow

BATCH = 50
"""Runs that are forgotten, or attempts whose files are removed, at a time."""

ONE_PASS = 2000
"""Runs of a tenant that one pass handles at most; the next one goes on."""

UNUSED_BLOBS_KEPT = timedelta(days=7)
"""A blob is written before the version that names it is recorded."""

UNFINISHED_KEPT = timedelta(days=1)
"""A file that is being received: another process of the service may be at it."""

COUNTED_EVERY = timedelta(minutes=1)
"""How old a figure of what is on disk may be: counting walks through every folder."""

_Each = Callable[[PipelineRow, list[OldRun]], RemovedRuns]


class Keeper:
    """What knows where everything lies that runs leave behind.

    Args:
        mirrors: folder of the tenants' Git repositories.
        tracked: deletes what runs logged.
    """

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        logs: Logs,
        artifacts: Artifacts,
        resources: Resources,
        mirrors: Path,
        tracked: Pruning,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._logs = logs
        self._artifacts = artifacts
        self._resources = resources
        self._mirrors = mirrors
        self._tracked = tracked
        self._counted: dict[str, tuple[datetime, DiskUse]] = {}

    def tidy(self, tenants: Tenants, now: datetime) -> None:
        """Apply every tenant's policies; sweep what no version needs and nobody will complete."""
        self._artifacts.sweep(now - UNFINISHED_KEPT)
        self._remove_forgotten()
        for name, tenant in tenants.tenants.items():
            self.apply(name, tenant, audit.PLATFORM, now)
        needed = self._store.read(versions.all_blobs)
        self._blobs.sweep(needed, now - UNUSED_BLOBS_KEPT)
        self._tracked.step()

    def apply(self, name: str, tenant: Tenant, by: str, now: datetime) -> RetentionReport:
        """Remove what the policies of a tenant and its pipelines say."""

        def remove(pipeline: PipelineRow, old: list[OldRun]) -> RemovedRuns:
            sizes = {one.id: self._size(name, one) for one in old}
            found = self._store.write(
                lambda s: retention.forget(s, pipeline.id, old, sizes, by, now)
            )
            self._remove_forgotten()
            return found

        return self._go(name, tenant.retention, now, dry_run=False, each=remove)

    def plan(self, name: str, tenant: Tenant, now: datetime) -> RetentionReport:
        """Return what :meth:`apply` would remove now."""

        def count(pipeline: PipelineRow, old: list[OldRun]) -> RemovedRuns:
            return RemovedRuns(
                pipeline=pipeline.slug,
                files=sum(not one.whole and not one.bare for one in old),
                runs=sum(one.whole for one in old),
                size=sum(self._size(name, one) for one in old),
            )

        return self._go(name, tenant.retention, now, dry_run=True, each=count)

    def _go(
        self, name: str, policy: RetentionPolicy, now: datetime, *, dry_run: bool, each: _Each
    ) -> RetentionReport:
        found: dict[str, RemovedRuns] = {}
        seen = 0
        for pipeline, old in self._batches(name, policy, now):
            seen += len(old)
            done, before = each(pipeline, old), found.get(pipeline.slug)
            if before is not None:
                done = RemovedRuns(
                    pipeline=done.pipeline,
                    files=before.files + done.files,
                    runs=before.runs + done.runs,
                    size=before.size + done.size,
                )
            found[pipeline.slug] = done
            if seen >= ONE_PASS:
                break
        return RetentionReport(
            tenant=name,
            policy=policy,
            dry_run=dry_run,
            pipelines=tuple(one for one in found.values() if one.files or one.runs),
            more=seen >= ONE_PASS,
        )

    def _batches(
        self, name: str, policy: RetentionPolicy, now: datetime
    ) -> Iterator[tuple[PipelineRow, list[OldRun]]]:
        for pipeline in self._store.read(lambda s: retention.of_tenant(s, name)):
            for state in EndedState:
                after = None
                while True:

                    def ask(
                        session: Session,
                        row: PipelineRow = pipeline,
                        state: EndedState = state,
                        last: OldRun | None = after,
                    ) -> list[OldRun]:
                        held = retention.of_pipeline(session, row, policy).policy
                        return retention.old_runs(
                            session,
                            row.id,
                            held,
                            now,
                            state=state,
                            after=None if last is None else last.id,
                            limit=BATCH,
                        )

                    old = self._store.read(ask)
                    if not old:
                        break
                    after = old[-1]
                    yield pipeline, old

    def _size(self, tenant: str, old: OldRun) -> int:
        return sum(
            self._artifacts.size(tenant, old.id, attempt) + self._logs.size(attempt)
            for attempt in old.attempts
        )

    def _remove_forgotten(self) -> None:
        while gone := self._store.read(lambda s: retention.removals(s, BATCH)):
            for tenant, run, attempt in gone:
                self._artifacts.remove(tenant, run, attempt)
                self._logs.remove(attempt)
                self._resources.remove(attempt)
            attempts = [attempt for _, _, attempt in gone]
            self._store.write(partial(retention.removed, attempts=attempts))
            self._counted.clear()

    def disk(self, name: str, tenant: Tenant, now: datetime) -> DiskUse:
        """Return what a tenant keeps on disk, counted within the last minute."""
        counted = self._counted.get(name)
        if counted is None or not counted[0] <= now < counted[0] + COUNTED_EVERY:
            counted = self._counted[name] = now, self._count(name, tenant)
        return counted[1]

    def _count(self, name: str, tenant: Tenant) -> DiskUse:
        notebooks, tracked = self._artifacts.use(name)
        keys = self._store.read(lambda s: versions.all_blobs(s, name))
        parts = {
            "notebooks": notebooks,
            "tracked": tracked,
            "logs": self._store.read(lambda s: runs.log_bytes(s, name)),
            "blobs": sum(self._blobs.size(key) for key in keys),
            "mirror": size_of(self._mirrors / f"{name}.git"),
        }
        return DiskUse(
            tenant=name, total=sum(parts.values()), limit=tenant.limits.artifacts, **parts
        )
