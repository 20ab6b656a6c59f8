from __future__ import annotations

from galley import dispatch

from tests.galley.world import World


def test_rehearsals_that_need_a_host(world: World) -> None:
    first = world.publish("one")
    second = world.publish("two", author="ben")
    waiting = world.read(lambda s: dispatch.rehearsals_waiting(s, world.now))
    assert [(one.run, one.tenant, one.author) for one in waiting] == [
        (first.rehearsal_run, "lab", "ana"),
        (second.rehearsal_run, "lab", "ben"),
    ]
    assert [one.attempt for one in waiting] == [1, 1]
    world.must_claim(author="ana")
    assert len(world.read(lambda s: dispatch.rehearsals_waiting(s, world.now))) == 1
