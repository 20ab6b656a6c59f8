"""Settings and tenants → JupyterHub's configuration. Pure: it starts nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from galley.domain.settings import Settings
from galley.domain.tenants import Tenants

from galley_hub import files, profile_form
from galley_hub.authenticator import TenantAuthenticator
from galley_hub.landing import landing, tenant_cards
from galley_hub.spawner import SandboxSpawner
from galley_hub.tenants import SERVICES, custom_scopes, hub_roles, load, server_scopes, users

COOKIE_DAYS = 14
GROUPS_AGE_S = 60
SERVICE_WAIT_S = 1
"""The hub is of use without the service, so its start waits no longer for each than this."""


def apply(c: Any, settings: Settings) -> None:
    """Set everything on ``c``.

    Raises:
        galley.errors.InvalidInput: the tenants file is missing or wrong.
    """
    tenants = load(settings.tenants_file)
    _hub(c, settings)
    _sign_in(c, settings, tenants)
    _servers(c, settings, tenants)
    _services(c, settings)
    _pages(c, settings, tenants)


def _hub(c: Any, settings: Settings) -> None:
    hub = c.JupyterHub
    hub.bind_url = settings.public_url
    hub.hub_bind_url = f"http://127.0.0.1:{settings.hub_port}"
    hub.db_url = f"sqlite:///{settings.hub_state / 'jupyterhub.sqlite'}"
    hub.upgrade_db = True
    hub.cookie_secret_file = str(settings.secrets / "cookie-secret")
    hub.cookie_max_age_days = COOKIE_DAYS
    # The proxy and the servers outlive the hub: reloading the tenants is restarting the hub.
    hub.cleanup_servers = False
    hub.cleanup_proxy = False
    hub.init_spawners_timeout = -1
    proxy = c.ConfigurableHTTPProxy
    proxy.should_start = False
    proxy.api_url = f"http://127.0.0.1:{settings.proxy_api_port}"
    proxy.auth_token = _secret(settings, "proxy-token")


def _sign_in(c: Any, settings: Settings, tenants: Tenants) -> None:
    c.JupyterHub.authenticator_class = TenantAuthenticator
    c.TenantAuthenticator.tenants = tenants
    c.TenantAuthenticator.passwords_file = str(settings.hub_state / "passwords.json")
    c.Authenticator.allowed_users = users(tenants)
    c.Authenticator.allow_existing_users = False
    c.Authenticator.delete_invalid_users = False
    c.Authenticator.manage_groups = True
    c.Authenticator.auth_refresh_age = GROUPS_AGE_S
    c.JupyterHub.custom_scopes = custom_scopes()
    c.JupyterHub.load_roles = hub_roles(tenants)


def _servers(c: Any, settings: Settings, tenants: Tenants) -> None:
    c.JupyterHub.spawner_class = SandboxSpawner
    c.JupyterHub.allow_named_servers = True
    spawner = c.Spawner
    spawner.hub_connect_url = f"http://127.0.0.1:{settings.port}"
    spawner.env_keep = []
    spawner.default_url = "/lab"
    spawner.start_timeout = 60
    spawner.http_timeout = 30
    spawner.poll_interval = 10
    spawner.options_form = SandboxSpawner.profile_form
    spawner.options_from_form = profile_form.parse
    spawner.apply_user_options = _options_are_read_at_start
    spawner.server_token_scopes = lambda self: server_scopes(self.user.name, self.name, tenants)
    c.SandboxSpawner.settings = settings
    c.SandboxSpawner.tenants = tenants


def _options_are_read_at_start(_spawner: Any, _options: dict[str, Any]) -> None:
    """Nothing to do: :meth:`SandboxSpawner.spec` reads and checks them."""


def _services(c: Any, settings: Settings) -> None:
    c.JupyterHub.services = [
        {
            "name": name,
            "url": settings.service_url,
            "api_token": _secret(settings, token),
            "oauth_client_id": f"service-{name}",
            "oauth_redirect_uri": f"/services/{name}/oauth_callback",
            "oauth_client_allowed_scopes": [*custom_scopes(), "read:users:name!user"],
            "oauth_no_confirm": True,
            "timeout": SERVICE_WAIT_S,
        }
        for name, token in zip(SERVICES, ("service-token", "mlflow-token"), strict=True)
    ]


def _pages(c: Any, settings: Settings, tenants: Tenants) -> None:
    c.JupyterHub.default_url = landing(tenants)
    c.JupyterHub.template_paths = [str(files.templates())]
    c.JupyterHub.template_vars = {
        # JupyterHub calls it with the user, or None before signing in.
        "galley_cards": lambda user: user and tenant_cards(settings, tenants, user.name),
        "galley_isolation_reason": settings.isolation_reason,
        "galley_isolated": settings.isolation == "full",
    }


def _secret(settings: Settings, name: str) -> str:
    return Path(settings.secrets / name).read_text().strip()
