from __future__ import annotations

import pytest
from galley import review
from galley.domain.reviews import Verdict
from galley.domain.tenants import Gate
from galley.domain.versions import VersionState
from galley.errors import Conflict, Forbidden, InvalidInput, NotFound
from galley.store import audit, pipelines, versions
from galley.store.columns import new_id

from tests.galley.world import TENANTS, World, tenants_with


def test_both_gates_approve_and_the_version_goes_live(world: World) -> None:
    version = world.rehearse(world.publish(schedule={"cron": "@daily"}))
    after = world.decide(version, Gate.MLE, "max")
    assert after.state is VersionState.IN_REVIEW
    assert {gate.gate: gate.reviewer for gate in after.gates} == {Gate.LEAD: None, Gate.MLE: "max"}

    after = world.decide(version, Gate.LEAD, "lee")
    assert (after.state, after.live) == (VersionState.APPROVED, True)
    assert [(one.gate, one.comment) for one in after.decisions] == [
        (Gate.MLE, "looked"),
        (Gate.LEAD, "looked"),
    ]
    pipeline = world.read(lambda s: pipelines.get(s, "lab", "churn"))
    assert pipeline.live_version == 1
    assert pipeline.schedule is not None
    actions = [entry.action for entry in world.read(lambda s: audit.page(s, "lab")).items]
    assert actions[:4] == [
        "schedule.set",
        "pipeline.deployed",
        "version.approved",
        "version.passed_mle",
    ]


def test_an_older_version_that_is_approved_later_does_not_replace_a_newer_one(world: World) -> None:
    older = world.rehearse(world.publish())
    newer = world.live(content="2")
    world.decide(older, Gate.LEAD, "lee")
    after = world.decide(older, Gate.MLE, "max")
    assert (after.state, after.live) == (VersionState.APPROVED, False)
    assert world.read(lambda s: pipelines.get(s, "lab", "churn")).live_version == newer.number
    back = world.write(
        lambda s: review.deploy(s, "lab", "churn", older.number, "lee", "wanted", world.now)
    )
    assert back.live_version == older.number
    assert world.live(content="3").live


def test_with_manual_deployment_approval_does_not_deploy(world: World) -> None:
    manual = TENANTS.tenants["lab"].review.model_copy(update={"deploy": "manual"})
    world.tenants = tenants_with("lab", review=manual)
    version = world.live()
    assert (version.state, version.live) == (VersionState.APPROVED, False)


def test_one_rejection_rejects(world: World) -> None:
    version = world.rehearse(world.publish())
    world.decide(version, Gate.LEAD, "lee")
    after = world.decide(version, Gate.MLE, "max", Verdict.REJECT)
    assert (after.state, after.state_reason) == (VersionState.REJECTED, "looked")
    assert not after.live


def test_the_author_never_decides(world: World) -> None:
    version = world.rehearse(world.publish(author="boss"))
    with pytest.raises(Forbidden, match="author can never"):
        world.decide(version, Gate.LEAD, "boss")


def test_only_a_reviewer_of_the_gate_decides(world: World) -> None:
    version = world.rehearse(world.publish())
    for gate, who in ((Gate.LEAD, "ben"), (Gate.LEAD, "max"), (Gate.MLE, "lee"), (Gate.MLE, "x")):
        with pytest.raises(Forbidden, match="may not decide"):
            world.decide(version, gate, who)


def test_one_reviewer_never_passes_both_gates(world: World) -> None:
    version = world.rehearse(world.publish())
    world.decide(version, Gate.LEAD, "boss")
    with pytest.raises(Forbidden, match="another gate"):
        world.decide(version, Gate.MLE, "boss")


def test_a_gate_is_decided_once(world: World) -> None:
    version = world.rehearse(world.publish())
    world.decide(version, Gate.LEAD, "lee")
    with pytest.raises(Conflict, match="decided already"):
        world.decide(version, Gate.LEAD, "boss")


def test_an_approval_holds_for_exactly_one_digest(world: World) -> None:
    version = world.rehearse(world.publish())
    with pytest.raises(Conflict, match="changed since you opened it"):
        world.decide(version, Gate.LEAD, "lee", digest="0" * 64)
    assert not world.version(version.id).decisions


def test_a_gate_that_the_version_does_not_have(world: World) -> None:
    one_gate = TENANTS.tenants["lab"].review.model_copy(update={"gates": (Gate.LEAD,)})
    world.tenants = tenants_with("lab", review=one_gate)
    version = world.rehearse(world.publish())
    with pytest.raises(InvalidInput, match="no gate 'mle'"):
        world.decide(version, Gate.MLE, "max")
    assert world.decide(version, Gate.LEAD, "lee").state is VersionState.APPROVED


def test_deciding_on_nothing(world: World) -> None:
    version = world.rehearse(world.publish())
    with pytest.raises(NotFound):
        world.decide(version.model_copy(update={"id": new_id()}), Gate.LEAD, "lee")


def test_the_author_withdraws(world: World) -> None:
    version = world.rehearse(world.publish())
    with pytest.raises(Forbidden, match="'ana'"):
        world.write(lambda s: review.withdraw(s, version.id, "lee", world.now))
    after = world.write(lambda s: review.withdraw(s, version.id, "ana", world.now))
    assert after.state is VersionState.WITHDRAWN
    with pytest.raises(Conflict, match="is withdrawn"):
        world.write(lambda s: review.withdraw(s, version.id, "ana", world.now))
    with pytest.raises(Conflict, match="not in review"):
        world.decide(version, Gate.LEAD, "lee")


def test_what_waits_for_whom(world: World) -> None:
    first = world.rehearse(world.publish("one"))
    second = world.rehearse(world.publish("two", author="boss"))
    both = {"lab": [Gate.LEAD, Gate.MLE]}

    def waiting(gates: dict[str, list[Gate]], user: str) -> list[str]:
        return [
            one.pipeline for one in world.read(lambda s: versions.waiting_for(s, gates, user)).items
        ]

    assert waiting(both, "boss") == ["one"]  # not one's own
    assert waiting({"lab": [Gate.LEAD]}, "lee") == ["two", "one"]
    assert waiting({"play": [Gate.LEAD]}, "lee") == []
    assert waiting({}, "lee") == []
    world.decide(first, Gate.LEAD, "lee")
    assert waiting({"lab": [Gate.LEAD]}, "lee") == ["two"]
    assert waiting(both, "lee") == ["two"]  # one reviewer, one gate
    world.decide(second, Gate.LEAD, "lee", Verdict.REJECT)
    assert waiting(both, "max") == ["one"]


def test_reviews_of_a_tenant_in_pages(world: World) -> None:
    for slug in ("one", "two", "three"):
        world.rehearse(world.publish(slug))
    world.publish("four")
    page = world.read(lambda s: versions.reviews(s, "lab", limit=2))
    assert [one.pipeline for one in page.items] == ["three", "two"]
    rest = world.read(lambda s: versions.reviews(s, "lab", limit=2, cursor=page.next_cursor))
    assert ([one.pipeline for one in rest.items], rest.next_cursor) == (["one"], None)
    world.approve(rest.items[0])
    assert len(world.read(lambda s: versions.reviews(s, "lab")).items) == 2
    assert len(world.read(lambda s: versions.reviews(s, "lab", waiting=False)).items) == 3
