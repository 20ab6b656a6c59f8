from __future__ import annotations

from galley_hub.throttle import MAX_KEYS, WINDOW_S, Throttle


def test_failures_up_to_the_limit_cost_nothing() -> None:
    throttle = Throttle(limit=3)
    for now in (0.0, 1.0):
        throttle.failed(["alice"], now)
    assert throttle.wait(["alice"], 2) == 0


def test_at_the_limit_one_waits_until_the_window_has_passed() -> None:
    throttle = Throttle(limit=3)
    for now in (0.0, 1.0, 2.0):
        throttle.failed(["alice"], now)
    assert throttle.wait(["alice"], 2) == WINDOW_S - 2
    assert throttle.wait(["bob"], 2) == 0
    assert throttle.wait(["alice"], WINDOW_S) == 0


def test_success_forgets() -> None:
    throttle = Throttle(limit=1)
    throttle.failed(["alice"], 0)
    throttle.succeeded(["alice"])
    assert throttle.wait(["alice"], 0) == 0


def test_one_of_several_keys_is_enough_to_wait() -> None:
    throttle = Throttle(limit=1)
    throttle.failed(["10.0.0.1"], 0)
    assert throttle.wait(["alice", "10.0.0.1"], 0) == WINDOW_S


def test_old_keys_are_forgotten_so_that_memory_is_bounded() -> None:
    throttle = Throttle(limit=1)
    for number in range(MAX_KEYS + 1):
        throttle.failed([f"user{number}"], 0)
    throttle.failed(["alice"], WINDOW_S * 3)
    assert len(throttle._failures) == 1
