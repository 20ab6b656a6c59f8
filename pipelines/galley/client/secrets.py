"""Routes about secrets, and ``galley.secret`` in a person's own JupyterLab."""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from galley.client.credentials import find_credentials
from galley.client.routes import Routes
from galley.domain.model import Page
from galley.domain.secrets import SecretInfo, SecretRequest, SecretValue, check_secret_name
from galley.errors import NotFound


class SecretRoutes(Routes):
    """Secrets of a tenant, and personal values; no route gives a tenant's value back."""

    def secrets(self, tenant: str) -> Page[SecretInfo]:
        """Return what there is: the tenant's secrets and one's own personal values."""
        return self._get(Page[SecretInfo], f"/tenants/{tenant}/secrets")

    def set_secret(
        self, tenant: str, name: str, request: SecretRequest, *, personal: bool = False
    ) -> SecretInfo:
        """Set a secret of the tenant, or one's own personal value; an earlier one is replaced."""
        path = _path(tenant, name, personal=personal)
        return self._send(SecretInfo, path, request, method="PUT")

    def delete_secret(self, tenant: str, name: str, *, personal: bool = False) -> None:
        """Forget a secret of the tenant, or one's own personal value."""
        self._transport.request("DELETE", _path(tenant, name, personal=personal))

    def personal_secret(self, tenant: str, name: str) -> str:
        """Return one's own personal value; only a JupyterLab server's own token may."""
        path = f"{_path(tenant, name, personal=True)}/value"
        return self._get(SecretValue, path).value


def _path(tenant: str, name: str, *, personal: bool) -> str:
    kind = "personal-secrets" if personal else "secrets"
    return f"/tenants/{tenant}/{kind}/{quote(name, safe='')}"


def variable_of(name: str) -> str:
    """Return the environment variable that stands in for a secret where no platform is."""
    return f"GALLEY_SECRET_{re.sub('[.-]', '_', name).upper()}"


def personal_value(name: str) -> str:
    """Return the caller's own value, in their JupyterLab or wherever they build by hand.

    Outside the platform, as with ``ploomber build`` in an exported project, the environment
    variable ``GALLEY_SECRET_NAME`` holds it.

    Raises:
        InvalidInput: no secret can be called so.
        NotFound: there is no value, and how to set one; or a run that names no secrets asked.
        NotSignedIn, Unavailable: the platform cannot be asked.
    """
    check_secret_name(name)
    variable = variable_of(name)
    if variable in os.environ:
        return os.environ[variable]
    if "GALLEY_RUN_ID" in os.environ:
        raise NotFound(
            f"this run was not given a secret {name!r}: a version gets those that its notebook "
            'names. Write galley.secret("name") with the name written out, and publish it again.'
        )
    from galley.client.client import Client

    credentials = find_credentials(os.environ)
    with Client(credentials.url, credentials.token) as client:
        tenants = [one.name for one in client.me().tenants] if not credentials.tenant else []
        if credentials.tenant is None and len(tenants) != 1:
            raise NotFound(
                f"which tenant's secret {name!r}? Set GALLEY_TENANT; yours: {', '.join(tenants)}."
            )
        return client.personal_secret(credentials.tenant or tenants[0], name)
