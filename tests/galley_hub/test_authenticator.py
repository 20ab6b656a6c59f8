from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from galley.domain.tenants import Tenants
from galley_hub.authenticator import TenantAuthenticator
from galley_hub.passwords import Passwords
from tornado.web import HTTPError

RIGHT = "correct horse"


@pytest.fixture
def authenticator(tenants: Tenants, tmp_path: Path) -> TenantAuthenticator:
    path = tmp_path / "passwords.json"
    Passwords(path).set("alice", RIGHT)
    Passwords(path).set("mallory", RIGHT)  # has a password, is no member
    return TenantAuthenticator(tenants=tenants, passwords_file=str(path))


def sign_in(
    authenticator: TenantAuthenticator, name: str, password: str, address: str = "10.0.0.1"
) -> Any:
    handler = SimpleNamespace(request=SimpleNamespace(remote_ip=address))
    data = {"username": name, "password": password}
    return asyncio.run(authenticator.get_authenticated_user(handler, data))


def test_a_member_comes_in_with_her_groups(authenticator: TenantAuthenticator) -> None:
    user = sign_in(authenticator, "alice", RIGHT)
    assert user["name"] == "alice"
    assert user["groups"] == ["oncology", "playground"]
    assert not user["admin"]


def test_names_are_not_told_apart_by_case_or_space(authenticator: TenantAuthenticator) -> None:
    assert sign_in(authenticator, " Alice ", RIGHT)["name"] == "alice"


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", RIGHT), ("", "")])
def test_a_wrong_name_or_password_does_not(
    authenticator: TenantAuthenticator, name: str, password: str
) -> None:
    assert sign_in(authenticator, name, password) is None


def test_a_right_password_of_no_member_does_not(authenticator: TenantAuthenticator) -> None:
    assert sign_in(authenticator, "mallory", RIGHT) is None


def test_guessing_is_slowed_down_for_the_guesser_only(authenticator: TenantAuthenticator) -> None:
    for _ in range(5):
        assert sign_in(authenticator, "alice", "guess") is None
    with pytest.raises(HTTPError, match="Try again in") as refusal:
        sign_in(authenticator, "alice", RIGHT)
    assert refusal.value.status_code == 429
    assert sign_in(authenticator, "alice", RIGHT, address="10.0.0.2")["name"] == "alice"


def test_many_names_from_one_address_are_slowed_down_too(
    authenticator: TenantAuthenticator,
) -> None:
    for number in range(30):
        sign_in(authenticator, f"guess{number}", "guess")
    with pytest.raises(HTTPError, match="Too many"):
        sign_in(authenticator, "alice", RIGHT)


def test_who_left_every_tenant_is_signed_out(authenticator: TenantAuthenticator) -> None:
    refreshed = asyncio.run(authenticator.refresh_user(SimpleNamespace(name="alice")))
    assert refreshed == {"name": "alice", "groups": ["oncology", "playground"]}
    assert asyncio.run(authenticator.refresh_user(SimpleNamespace(name="mallory"))) is False
