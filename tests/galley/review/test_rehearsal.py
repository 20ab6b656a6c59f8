from __future__ import annotations

import pytest
from galley import dispatch, review
from galley.domain.proof import Proof, ProofState
from galley.domain.runs import AttemptState, FailureClass, RunState
from galley.domain.split import PlannedTask, SplitPlan, SplitSource
from galley.domain.tenants import Gate
from galley.domain.versions import Evidence, Version, VersionState
from galley.errors import Conflict
from galley.store import pipelines, runs, versions
from sqlalchemy.orm import Session

from tests.galley.world import ERROR, START, TENANTS, World, tenants_with

PLAN = SplitPlan(
    source=SplitSource.HEADINGS,
    tasks=(
        PlannedTask(name="load", cells=(0, 1)),
        PlannedTask(name="fit", cells=(2,), upstream=("load",)),
    ),
)
PROVED = Proof(state=ProofState.EQUAL, plan=PLAN, variables=4)
EVIDENCE = Evidence(passed=True, started_at=START, duration_s=2, peak_memory=5, cells=3)


def test_a_passed_rehearsal_goes_to_review_with_its_evidence(world: World) -> None:
    version = world.rehearse(world.publish())

    assert version.state is VersionState.IN_REVIEW
    assert version.evidence is not None
    assert version.evidence.passed
    assert (version.evidence.duration_s, version.evidence.peak_memory) == (3.5, 1000)
    assert version.evidence.cells == 2
    assert not version.live


def test_finish_rehearsal_takes_the_evidence_it_is_given(world: World) -> None:
    version = world.publish()
    assert version.rehearsal_run is not None
    run = version.rehearsal_run
    after = world.write(
        lambda s: review.finish_rehearsal(s, world.tenant(), run, EVIDENCE, world.now)
    )
    assert (after.state, after.evidence) == (VersionState.IN_REVIEW, EVIDENCE)
    with pytest.raises(Conflict, match="is in review, not rehearsing"):
        world.write(lambda s: review.finish_rehearsal(s, world.tenant(), run, EVIDENCE, world.now))


def test_a_pipeline_run_is_no_rehearsal(world: World) -> None:
    world.live()
    run = world.request()
    with pytest.raises(Conflict, match="not a rehearsal"):
        world.write(
            lambda s: review.finish_rehearsal(s, world.tenant(), run.id, EVIDENCE, world.now)
        )


def test_a_failed_rehearsal_names_the_cell_and_the_error(world: World) -> None:
    version = world.publish()
    work = world.must_claim(author="ana")
    world.start(work)
    world.finish(work, AttemptState.FAILED, failure_class=FailureClass.USER, error=ERROR)

    version = world.version(version.id)
    assert (version.state, version.state_reason) == (VersionState.FAILED, ERROR.message)
    assert version.evidence is not None
    assert version.evidence.error == ERROR


def test_a_rehearsal_that_takes_too_long_fails_the_version(world: World) -> None:
    version = world.publish(timeout_s=60)
    work = world.must_claim(author="ana")
    world.start(work)
    world.finish(work, AttemptState.TIMED_OUT)
    version = world.version(version.id)
    assert version.state is VersionState.FAILED
    assert version.state_reason is not None
    assert "60 s" in version.state_reason


def test_rehearse_only_stops_after_the_rehearsal(world: World) -> None:
    version = world.rehearse(world.publish(rehearse_only=True))
    assert (version.state, version.state_reason) == (VersionState.WITHDRAWN, "rehearsed only")
    assert version.evidence is not None
    assert world.publish().number == 2


def test_without_gates_a_passed_rehearsal_is_live_at_once(world: World) -> None:
    version = world.rehearse(world.publish(tenant="play", schedule={"cron": "@hourly"}))

    assert (version.state, version.live, version.gates) == (VersionState.APPROVED, True, ())
    pipeline = world.read(lambda s: pipelines.get(s, "play", "churn"))
    assert pipeline.live_version == 1
    assert pipeline.schedule is not None
    assert pipeline.next_firing == START.replace(hour=9)


def test_without_gates_and_with_manual_deployment_it_is_only_approved(world: World) -> None:
    manual = TENANTS.tenants["play"].review.model_copy(update={"deploy": "manual"})
    world.tenants = tenants_with("play", review=manual)
    version = world.rehearse(world.publish(tenant="play"))
    assert (version.state, version.live) == (VersionState.APPROVED, False)


def test_the_gates_are_those_of_the_day_it_was_published(world: World) -> None:
    version = world.publish()
    gateless = TENANTS.tenants["lab"].review.model_copy(update={"gates": ()})
    world.tenants = tenants_with("lab", review=gateless)
    assert world.rehearse(version).state is VersionState.IN_REVIEW


def test_a_cancelled_rehearsal_withdraws_the_version(world: World) -> None:
    version = world.publish()
    run = version.rehearsal_run
    assert run is not None

    def cancel(session: Session) -> list[Version]:
        dispatch.cancel(session, run, "ben", world.now)
        return review.settle_rehearsals(session, world.tenants, world.now)

    (settled,) = world.write(cancel)
    assert settled.state is VersionState.WITHDRAWN
    assert settled.state_reason == "its rehearsal was cancelled by ben"
    assert world.write(lambda s: review.settle_rehearsals(s, world.tenants, world.now)) == []


def test_a_rehearsal_that_can_never_start_fails_the_version(world: World) -> None:
    version = world.publish(profile="large")
    profiles = {"small": TENANTS.tenants["lab"].profiles["small"]}
    world.tenants = tenants_with("lab", profiles=profiles)
    assert world.claim(author="ana") is None
    world.write(lambda s: review.settle_rehearsals(s, world.tenants, world.now))
    after = world.version(version.id)
    assert after.state is VersionState.FAILED
    assert after.evidence is None
    assert "'large' is not declared" in (after.state_reason or "")


def test_the_executed_notebook_of_the_rehearsal_is_kept(world: World) -> None:
    version = world.publish()
    work = world.must_claim(author="ana")
    world.start(work)
    assert world.read(lambda s: versions.rehearsal_notebook(s, version.id)) is None
    world.write(lambda s: runs.attach_notebook(s, work.attempt, "churn", "blob-1", world.now))
    world.write(lambda s: runs.attach_notebook(s, work.attempt, "churn", "blob-2", world.now))
    assert world.read(lambda s: versions.rehearsal_notebook(s, version.id)) == "blob-2"


def test_withdrawing_while_rehearsing_cancels_the_rehearsal(world: World) -> None:
    version = world.publish()
    work = world.must_claim(author="ana")
    world.start(work)
    world.write(lambda s: review.withdraw(s, version.id, "ana", world.now))

    run = world.read(lambda s: runs.get(s, work.run))
    assert run.cancel_requested
    ended = world.finish(work, AttemptState.CANCELLED)
    assert ended.state is RunState.CANCELLED
    assert world.version(version.id).state_reason == "withdrawn by its author"


def test_a_lost_rehearsal_host_is_replaced(world: World) -> None:
    version = world.publish()
    first = world.must_claim(author="ana")
    world.start(first)
    assert first.run in world.keep_reaping(16)
    world.later(seconds=8)
    waiting = world.read(lambda s: dispatch.rehearsals_waiting(s, world.now))
    assert [(one.run, one.attempt, one.author) for one in waiting] == [(first.run, 2, "ana")]
    assert world.rehearse(version).state is VersionState.IN_REVIEW


def test_rehearsals_are_leased_by_their_author_only(world: World) -> None:
    version = world.publish(author="ana")
    assert world.claim() is None
    assert world.claim(author="ben") is None
    assert world.claim("play", author="ana") is None
    assert world.claim(author="ana", run=version.id) is None
    found = world.claim(author="ana", run=version.rehearsal_run)
    assert found is not None
    assert found.experiment == "churn (rehearsals)"


def test_gates_are_decided_only_in_review(world: World) -> None:
    with pytest.raises(Conflict, match="rehearsing, not in review"):
        world.decide(world.publish(), Gate.LEAD, "lee")


def proved(proof: Proof = PROVED, *, accepted: bool = True) -> dict[str, object]:
    nodes = [{"name": task.name, "upstream": task.upstream} for task in PLAN.tasks]
    content = {"digest": "e" * 64, "project": "project-split", "tasks": nodes} if accepted else None
    return {"evidence": {"proof": proof.model_dump(mode="json")}, "accepted": content}


def test_a_proved_split_is_what_the_version_has_from_its_review_on(world: World) -> None:
    version = world.publish()
    assert len(version.tasks) <= 1
    work = world.must_claim(author="ana")
    world.start(work)
    world.finish(work, rehearsal=proved())

    version = world.version(version.id)
    assert version.evidence is not None
    assert version.evidence.proof == PROVED
    assert [(task.name, task.upstream) for task in version.tasks] == [
        ("load", ()),
        ("fit", ("load",)),
    ]
    assert version.digest == "e" * 64
    assert world.read(lambda s: versions.blobs(s, version.id)).project == "project-split"
    with pytest.raises(Conflict, match="has exactly this content and is in review"):
        world.publish()

    assert version.rehearsal_run is not None
    assert len(world.run(version.rehearsal_run).graph) <= 1
    world.approve(version)
    run = world.request()
    assert [task.name for task in run.graph] == ["load", "fit"]
    (listed, _) = world.read(lambda s: runs.page(s, "lab")).items
    assert listed.graph == run.graph


def test_without_an_accepted_split_the_version_stays_in_one_task(world: World) -> None:
    version = world.publish()
    work = world.must_claim(author="ana")
    world.start(work)
    unequal = Proof(state=ProofState.UNEQUAL, reason="`a` differs")
    world.finish(work, rehearsal=proved(unequal, accepted=False))

    after = world.version(version.id)
    assert (after.digest, after.tasks) == (version.digest, version.tasks)
    assert after.evidence is not None
    assert after.evidence.proof == unequal


def test_a_failed_rehearsal_accepts_nothing(world: World) -> None:
    version = world.publish()
    work = world.must_claim(author="ana")
    world.start(work)
    world.finish(work, AttemptState.FAILED, error=ERROR, rehearsal=proved())
    assert world.version(version.id).digest == version.digest
