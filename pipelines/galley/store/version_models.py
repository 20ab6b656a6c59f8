"""How rows of versions become the model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.domain.pipelines import Goal
from galley.domain.reviews import Decision, GateStatus, Verdict
from galley.domain.schedules import ScheduleRequest
from galley.domain.tenants import Gate
from galley.domain.versions import Analysis, Evidence, TaskNode, Version
from galley.store.tables import (
    CHAMPION,
    DecisionRow,
    DeploymentRow,
    PipelineRow,
    VersionRow,
)


def models(session: Session, rows: Sequence[VersionRow]) -> list[Version]:
    """Return rows as models, with a fixed number of queries."""
    ids = [row.id for row in rows]
    slugs = dict(
        session.execute(
            select(PipelineRow.id, PipelineRow.slug).where(
                PipelineRow.id.in_({row.pipeline_id for row in rows})
            )
        ).all()
    )
    decisions: dict[UUID, list[DecisionRow]] = defaultdict(list)
    for decision in session.scalars(
        select(DecisionRow).where(DecisionRow.version_id.in_(ids)).order_by(DecisionRow.id)
    ):
        decisions[decision.version_id].append(decision)
    live = set(
        session.scalars(
            select(DeploymentRow.version_id).where(
                DeploymentRow.version_id.in_(ids),
                DeploymentRow.role == CHAMPION,
                DeploymentRow.until.is_(None),
            )
        )
    )
    return [
        _model(row, slugs[row.pipeline_id], decisions[row.id], live=row.id in live) for row in rows
    ]


def _gates(row: VersionRow, decisions: Sequence[DecisionRow]) -> tuple[GateStatus, ...]:
    passed = {
        decision.gate: decision for decision in decisions if decision.verdict is Verdict.APPROVE
    }
    return tuple(
        GateStatus(gate=gate, passed=False)
        if gate not in passed
        else GateStatus(
            gate=gate,
            passed=True,
            reviewer=passed[gate].reviewer,
            decided_at=passed[gate].decided_at,
        )
        for gate in map(Gate, row.gates)
    )


def _decision(row: DecisionRow) -> Decision:
    return Decision(
        id=row.id,
        gate=row.gate,
        verdict=row.verdict,
        reviewer=row.reviewer,
        digest=row.digest,
        comment=row.comment,
        decided_at=row.decided_at,
    )


def _tasks(row: VersionRow) -> tuple[TaskNode, ...]:
    """Return the tasks of a run: of the proved split, or the one of the unsplit notebook."""
    found = row.analysis.get("tasks", ()) if row.tasks is None else row.tasks
    return tuple(TaskNode.model_validate(task) for task in found)


def _model(row: VersionRow, slug: str, decisions: Sequence[DecisionRow], *, live: bool) -> Version:
    return Version(
        id=row.id,
        tenant=row.tenant,
        pipeline=slug,
        number=row.number,
        state=row.state,
        state_reason=row.state_reason,
        digest=row.digest,
        author=row.author,
        name=row.name,
        description=row.description,
        note=row.note,
        goal=None if row.goal is None else Goal.model_validate(row.goal),
        profile=row.profile,
        timeout_s=row.timeout_s,
        cell_timeout_s=row.cell_timeout_s,
        retries=row.retries,
        schedule=None if row.schedule is None else ScheduleRequest.model_validate(row.schedule),
        defaults=row.defaults,
        rehearsal_parameters=row.rehearsal_parameters,
        rehearse_only=row.rehearse_only,
        source_path=row.source_path,
        analysis=Analysis.model_validate(row.analysis),
        evidence=None if row.evidence is None else Evidence.model_validate(row.evidence),
        tasks=_tasks(row),
        progress=row.progress,
        rehearsal_run=row.rehearsal_run_id,
        gates=_gates(row, decisions),
        decisions=tuple(_decision(decision) for decision in decisions),
        live=live,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
