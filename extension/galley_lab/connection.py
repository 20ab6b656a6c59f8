"""Where this Jupyter server finds Galley's service, as the platform's hub tells it."""

from __future__ import annotations

from collections.abc import Mapping

from galley.client.transport import service_address
from galley.domain.model import Model
from galley.errors import PublicError
from pydantic import Field

NEEDED = {
    "GALLEY_URL": "the address of Galley's service",
    "GALLEY_TENANT": "the tenant that this server works for",
    "JUPYTERHUB_API_TOKEN": "the server's own token",
}
"""Environment variable → what it says. The platform's hub sets all of them."""


class NotConfigured(PublicError):
    """This server was not started by a Galley platform."""

    code = "not-configured"
    status = 501


class Connection(Model):
    """One service, one tenant, one token.

    Attributes:
        url: the service's address, without a trailing slash.
        token: never leaves the server.
    """

    url: str
    tenant: str
    token: str = Field(repr=False)


def connection(environment: Mapping[str, str]) -> Connection:
    """Return what the environment says.

    Raises:
        NotConfigured: a variable is missing.
        InvalidInput: the address is not one.
    """
    missing = [name for name in NEEDED if not environment.get(name)]
    if missing:
        what = ", ".join(f"{name} ({NEEDED[name]})" for name in missing)
        raise NotConfigured(
            f"Galley is not set up on this Jupyter server, which lacks {what}. "
            "Open JupyterLab from the platform's hub, which sets them.",
            missing=missing,
        )
    return Connection(
        url=service_address(environment["GALLEY_URL"]),
        tenant=environment["GALLEY_TENANT"],
        token=environment["JUPYTERHUB_API_TOKEN"],
    )
