"""How large the body of a request may be."""

from __future__ import annotations

from uuid import uuid4

from galley.service import INTERNAL, bodies

from tests.galley.world import TENANTS, tenants_with


def test_a_file_may_be_as_large_as_the_largest_scratch_of_a_tenant_or_a_profile() -> None:
    path = f"{INTERNAL}/attempts/{uuid4()}/files/a.bin"
    most = max(tenant.limits.scratch for tenant in TENANTS.tenants.values())
    assert bodies.allowed(path, TENANTS) == (most, "a file of an attempt")
    profiles = TENANTS.tenants["lab"].profiles
    roomy = profiles["large"].model_copy(update={"scratch": most + 1})
    tenants = tenants_with("lab", profiles={**profiles, "large": roomy})
    assert bodies.allowed(path, tenants) == (most + 1, "a file of an attempt")
