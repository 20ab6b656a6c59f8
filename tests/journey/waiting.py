"""Wait for a condition of the platform, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from tests.journey.people import Person

T = TypeVar("T")
PATIENCE_S = 120.0
PAUSE_S = 0.25


def until(look: Callable[[], T | None], what: str, *, patience_s: float = PATIENCE_S) -> T:
    """Return what ``look`` returns once that is not None.

    Raises:
        AssertionError: it never was, within ``patience_s``.
    """
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(PAUSE_S)
    raise AssertionError(f"{what} did not happen within {patience_s:.0f} s")


def version_ended(person: Person, version: str) -> dict[str, Any]:
    """Return a version when its rehearsal has ended."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = person.get(f"/versions/{version}").json()
        return None if found["state"] in {"analysing", "rehearsing"} else found

    return until(look, f"the end of the rehearsal of {version}")


def run_ended(person: Person, run: str) -> dict[str, Any]:
    """Return a run when it has ended."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = person.get(f"/runs/{run}").json()
        return None if found["state"] in {"queued", "launching", "running"} else found

    return until(look, f"the end of run {run}")
