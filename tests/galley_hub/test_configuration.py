from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from galley.domain.settings import Settings
from galley.errors import InvalidInput
from galley_hub import configure
from traitlets.config import Config

CONFIG_FILE = Path(__file__).parents[2] / "hub_config" / "jupyterhub_config.py"


@pytest.fixture
def c(settings: Settings) -> Any:
    settings.secrets.mkdir()
    for name in ("service-token", "mlflow-token", "proxy-token"):
        (settings.secrets / name).write_text(f"the-{name}\n")
    config = Config()
    configure(config, settings)
    return config


def test_the_hub_stays_on_the_loopback_behind_the_proxy(c: Any) -> None:
    assert c.JupyterHub.bind_url == "http://127.0.0.1:8000"
    assert c.JupyterHub.hub_bind_url == "http://127.0.0.1:20001"
    assert c.ConfigurableHTTPProxy.api_url == "http://127.0.0.1:20002"
    assert c.ConfigurableHTTPProxy.auth_token == "the-proxy-token"
    assert c.ConfigurableHTTPProxy.should_start is False


def test_servers_and_proxy_outlive_the_hub(c: Any) -> None:
    assert c.JupyterHub.cleanup_servers is False
    assert c.JupyterHub.cleanup_proxy is False


def test_only_members_come_in_and_nobody_is_admin(c: Any) -> None:
    assert {"alice", "frank", "paula"} < c.Authenticator.allowed_users
    assert c.Authenticator.allow_existing_users is False
    assert "admin_users" not in c.Authenticator


def test_both_services_are_external_and_know_their_tokens(c: Any) -> None:
    galley, mlflow = c.JupyterHub.services
    assert (galley["name"], galley["oauth_client_id"]) == ("galley", "service-galley")
    assert (mlflow["name"], mlflow["oauth_client_id"]) == ("mlflow", "service-mlflow")
    for service in (galley, mlflow):
        assert service["url"] == "http://127.0.0.1:20003"
        assert "command" not in service
        assert "custom:galley:approve-lead" in service["oauth_client_allowed_scopes"]
    assert galley["api_token"] == "the-service-token"


def test_scopes_of_a_server_are_those_of_its_tenant(c: Any) -> None:
    spawner = SimpleNamespace(user=SimpleNamespace(name="alice"), name="playground")
    scopes = c.Spawner.server_token_scopes(spawner)
    assert "custom:galley:publish!group=playground" in scopes
    assert not any("oncology" in scope for scope in scopes)


def test_a_wrong_tenants_file_stops_the_hub_with_the_key(settings: Settings) -> None:
    wrong = settings.home / "tenants.yaml"
    wrong.write_text("tenants: {oncology: {display_name: O, members: {}, profile: {}}}")
    with pytest.raises(InvalidInput, match=r"tenants\.oncology\.profile: unknown key"):
        configure(Config(), settings.model_copy(update={"tenants_file": wrong}))


def test_the_configuration_file_is_short() -> None:
    assert len(CONFIG_FILE.read_text().splitlines()) <= 30
