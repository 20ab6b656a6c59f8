from __future__ import annotations

from typing import Any

import pytest
from galley.domain.retention import RetentionPolicy, parse_days
from galley.domain.tenants_file import parse
from galley.errors import InvalidInput
from pydantic import ValidationError


@pytest.mark.parametrize(("text", "days"), [("90d", 90), ("2w", 14), (" 1 y ", 365), (7, 7)])
def test_ages(text: object, days: int) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["0d", "1h", "-1d", "101y", "", True, 0, None, 1.5])
def test_what_is_no_age(text: object) -> None:
    with pytest.raises(ValueError, match="such as '90d'"):
        parse_days(text)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"files": {"running": "1d"}}, "'succeeded', 'failed'"),
        ({"runs": {"failed": "1d"}, "files": {"failed": "2d"}}, "cannot go"),
        ({"latest": 0}, "greater than or equal to 1"),
    ],
)
def test_policies_that_make_no_sense(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RetentionPolicy.model_validate(given)


def test_a_mistake_in_the_tenants_file_is_told_with_its_path() -> None:
    text = """
tenants:
  lab:
    display_name: Lab
    members: {}
    profiles: {small: {display_name: Small, cpu: 1, memory: 1 GiB}}
    retention: {files: {failed: 3 months}}
"""
    with pytest.raises(InvalidInput, match=r"tenants\.lab\.retention\.files\.failed: '3 months'"):
        parse(text, source="tenants.yaml")
