"""The client and tenant of this notebook."""

from __future__ import annotations

import os
from typing import NamedTuple

from galley.client import Client, find_credentials
from galley.errors import InvalidInput


class Connection(NamedTuple):
    """Where a widget asks."""

    client: Client
    tenant: str


def connect(client: Client | None = None, tenant: str | None = None) -> Connection:
    """Return the given client and tenant, else those of this process.

    Raises:
        NotSignedIn: there are no credentials here.
        InvalidInput: the tenant cannot be told.
    """
    if client is None:
        client = own_client()
        tenant = tenant or find_credentials(os.environ).tenant
    if tenant is None:
        names = [one.name for one in client.me().tenants]
        if len(names) != 1:
            raise InvalidInput(
                f"you are a member of {', '.join(names) or 'no tenant'}: pass tenant=…",
                field="tenant",
            )
        tenant = names[0]
    return Connection(client, tenant)


def own_client() -> Client:
    """Return a client with the credentials of this process.

    Raises:
        NotSignedIn: there are none here.
    """
    return Client.from_environment(os.environ)
