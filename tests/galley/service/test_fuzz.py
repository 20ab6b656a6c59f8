"""A small and always equal part of ``benchmarks/fuzz.py``."""

from __future__ import annotations

from tests.galley.service import fuzzing
from tests.galley.service.platform import Platform


def test_no_request_makes_the_service_fail(platform: Platform) -> None:
    assert fuzzing.faults(platform, examples=4) == []
