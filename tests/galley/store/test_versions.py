from __future__ import annotations

from galley.domain.runs import RunKind
from galley.store import pipelines, runs, versions

from tests.galley.world import World


def test_what_belongs_to_a_version(world: World) -> None:
    version = world.publish(defaults={"name": "b"}, rehearsal_parameters={"rounds": 1})
    blobs = world.read(lambda s: versions.blobs(s, version.id))
    assert (blobs.project, blobs.notebook) == ("project-1", "notebook-1")
    values = world.read(lambda s: versions.defaults(s, version.id))
    assert (values.defaults, values.rehearsal_parameters) == ({"name": "b"}, {"rounds": 1})
    assert (version.defaults, version.rehearsal_parameters) == ({"name": "b"}, {"rounds": 1})
    assert world.read(lambda s: versions.by_number(s, "lab", "churn", 1)) == version


def test_the_live_version(world: World) -> None:
    world.publish()
    assert world.read(lambda s: versions.live(s, "lab", "churn")) is None
    world.live(content="2")
    live = world.read(lambda s: versions.live(s, "lab", "churn"))
    assert live is not None
    assert (live.number, live.live) == (2, True)


def test_versions_without_a_commit_wait_for_the_mirror(world: World) -> None:
    first = world.live(content="1")
    second = world.rehearse(world.publish(content="2"))
    world.publish(content="3")  # not reviewed yet: not mirrored
    world.rehearse(world.publish(content="4", rehearse_only=True))
    assert [one.id for one in world.read(versions.unmirrored)] == [first.id, second.id]
    assert world.read(lambda s: versions.commit_of(s, first.id)) is None
    world.write(lambda s: versions.set_commit(s, first.id, "abc"))
    assert world.read(lambda s: versions.commit_of(s, first.id)) == "abc"
    assert [one.id for one in world.read(versions.unmirrored)] == [second.id]


def test_whose_a_pipeline_is(world: World) -> None:
    world.publish(author="ana")
    world.publish(author="ben", continues=True, content="2")
    members = ("ana", "ben", "boss")
    yours = world.read(lambda s: [pipelines.is_yours(s, "lab", "churn", one) for one in members])
    assert yours == [True, True, False]
    assert not world.read(lambda s: pipelines.is_yours(s, "lab", "nope", "ana"))
    assert world.read(lambda s: pipelines.owner_of(s, "lab", "nope")) is None
    assert world.read(lambda s: pipelines.find_id(s, "lab", "nope")) is None
    assert world.read(lambda s: pipelines.find_id(s, "lab", "churn")) is not None


def test_whose_rehearsal_a_run_is(world: World) -> None:
    version = world.live()
    run = world.request()
    rehearsal = version.rehearsal_run
    assert rehearsal is not None
    assert world.read(lambda s: runs.rehearsal_author(s, rehearsal)) == "ana"
    assert world.read(lambda s: runs.rehearsal_author(s, run.id)) is None
    assert world.run(rehearsal).kind is RunKind.REHEARSAL
