from __future__ import annotations

import pytest
from galley.domain.tenants import Action, Tenants, scope
from galley_hub.tenants import custom_scopes, hub_roles, lab_tenants, left_out, server_scopes

APPROVALS = (
    Action.APPROVE_LEAD,
    Action.APPROVE_MLE,
    Action.DEPLOY,
    Action.OPERATE,
    Action.SECRETS,
)


def scopes_of(tenants: Tenants, user: str) -> set[str]:
    """What the hub's roles give to a user."""
    return {
        held
        for role in hub_roles(tenants)
        if user in role.get("users", ())
        for held in role["scopes"]
    }


@pytest.mark.parametrize(
    ("user", "allowed", "refused"),
    [
        ("alice", Action.PUBLISH, Action.APPROVE_LEAD),
        ("bob", Action.APPROVE_LEAD, Action.APPROVE_MLE),
        ("carol", Action.APPROVE_MLE, Action.APPROVE_LEAD),
        ("olivia", Action.OPERATE, Action.PUBLISH),
    ],
)
def test_a_role_gives_its_actions_and_no_others(
    tenants: Tenants, user: str, allowed: Action, refused: Action
) -> None:
    held = scopes_of(tenants, user)
    assert scope(allowed, "oncology") in held
    assert scope(refused, "oncology") not in held


def test_scopes_name_their_tenant_always(tenants: Tenants) -> None:
    for user in ("alice", "bob", "dave", "paula"):
        own = set(tenants.of(user))
        assert {held.partition("!group=")[2] for held in scopes_of(tenants, user)} == own


def test_nobody_is_admin_of_the_hub(tenants: Tenants) -> None:
    for role in hub_roles(tenants):
        assert role["name"] != "admin"
        assert all(
            held == "self" or held.startswith(("custom:galley:", "access:services!service="))
            for held in role["scopes"]
        )


def test_each_tenant_has_its_group(tenants: Tenants) -> None:
    groups = [name for role in hub_roles(tenants) for name in role.get("groups", ())]
    assert groups == list(tenants.tenants)


def test_every_action_is_a_scope_of_the_hub() -> None:
    assert set(custom_scopes()) == {f"custom:galley:{action}" for action in Action}
    assert all(defined["description"] for defined in custom_scopes().values())


def test_a_server_token_never_approves_and_is_of_one_tenant(tenants: Tenants) -> None:
    for tenant in tenants.tenants.values():
        for user in tenant.members:
            for name in tenants.of(user):
                held = server_scopes(user, name, tenants)
                custom = [one for one in held if one.startswith("custom:")]
                assert all(one.endswith(f"!group={name}") for one in custom)
                assert not {scope(action, name) for action in APPROVALS} & set(custom)
                assert scope(Action.READ, name) in custom


def test_a_stranger_server_has_no_scope_of_the_tenant(tenants: Tenants) -> None:
    assert not any(one.startswith("custom:") for one in server_scopes("dave", "oncology", tenants))


def test_who_begins_in_the_lab(tenants: Tenants) -> None:
    assert lab_tenants(tenants, "alice") == ["oncology", "playground"]
    assert lab_tenants(tenants, "dave") == ["winery"]
    assert lab_tenants(tenants, "carol") == []


def test_without_isolation_only_the_playground_stays(tenants: Tenants) -> None:
    reasons = {
        name: left_out(tenant, "none", "bwrap is not installed. Run: apt-get install bubblewrap")
        for name, tenant in tenants.tenants.items()
    }
    assert [name for name, reason in reasons.items() if reason is None] == ["playground"]
    assert "apt-get install bubblewrap" in str(reasons["oncology"])
    assert left_out(tenants.tenants["oncology"], "full", None) is None
