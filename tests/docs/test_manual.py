"""The manual mentions every setting an operator can write."""

from __future__ import annotations

from pathlib import Path

import pytest
from galley.domain.model import Model
from galley.domain.packages import Packages
from galley.domain.retention import RetentionPolicy
from galley.domain.tenants import (
    Dataset,
    Limits,
    Profile,
    RetryPolicy,
    ReviewPolicy,
    Role,
    Tenant,
    Tenants,
)

MANUAL = Path(__file__).parents[2] / "docs"
TENANTS_PAGE = (MANUAL / "operator" / "tenants.md").read_text()


@pytest.mark.parametrize(
    ("model", "setting"),
    [
        (model, name)
        for model in (
            Tenants,
            Tenant,
            Profile,
            Dataset,
            Limits,
            RetryPolicy,
            RetentionPolicy,
            ReviewPolicy,
            Packages,
        )
        for name in model.model_fields
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value),
)
def test_the_tenants_page_mentions_the_setting(model: type[Model], setting: str) -> None:
    spellings = (f"`{setting}`", f"`{setting}.NAME`", f"`{setting}:")
    assert any(spelling in TENANTS_PAGE for spelling in spellings), (
        f"docs/operator/tenants.md does not mention {model.__name__}.{setting}"
    )


@pytest.mark.parametrize("role", list(Role))
def test_the_tenants_page_mentions_the_role(role: Role) -> None:
    assert f"`{role}`" in TENANTS_PAGE
