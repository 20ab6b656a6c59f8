from __future__ import annotations

from galley.launcher.backoff import CALM_S, FIRST_S, LONGEST_S, Backoff


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def wait_of(backoff: Backoff, clock: Clock, name: str = "oncology") -> float:
    """Return how long after its latest start a host may be started again."""
    began, waited = clock.now, 0.0
    while not backoff.may_start(name):
        waited += 0.5
        clock.now = began + waited
    return waited


def test_the_first_start_does_not_wait() -> None:
    assert Backoff(Clock()).may_start("oncology")


def test_each_early_death_doubles_the_wait_up_to_the_longest() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    waits = []
    for _ in range(9):
        backoff.started("oncology")
        waits.append(wait_of(backoff, clock))
    assert waits == [FIRST_S, 2, 4, 8, 16, 32, LONGEST_S, LONGEST_S, LONGEST_S]


def test_a_host_that_lived_long_begins_anew() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    for _ in range(4):
        backoff.started("oncology")
        wait_of(backoff, clock)
    clock.now += CALM_S
    backoff.started("oncology")
    assert wait_of(backoff, clock) == FIRST_S


def test_hosts_do_not_wait_for_each_other() -> None:
    backoff = Backoff(Clock())
    backoff.started("oncology")
    assert not backoff.may_start("oncology")
    assert backoff.may_start("winery")
