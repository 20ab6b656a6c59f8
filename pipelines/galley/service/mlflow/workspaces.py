"""MLflow workspaces: one per tenant, made by the service at the tenant's first use."""

from __future__ import annotations

import httpx

from galley.errors import Unavailable
from galley.tracking.server import ALLOWED_HOST

_TAKEN_BY_MLFLOW = frozenset({"default", "workspaces", "api", "ajax-api", "static-files"})


def workspace_of(tenant: str) -> str:
    """Return the name of a tenant's workspace: the tenant's, unless MLflow does not allow it.

    The other names are longer than a tenant's name may be, so none meets another tenant's.
    """
    if tenant in _TAKEN_BY_MLFLOW or len(tenant) == 1:
        return f"{tenant}-a-tenant-whose-name-mlflow-keeps"
    return tenant


class Workspaces:
    """Makes workspaces over MLflow's socket."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._made: set[str] = set()

    async def ensure(self, tenant: str) -> str:
        """Return the name of the tenant's workspace, which exists from now on.

        Raises:
            Unavailable: MLflow could not make it.
        """
        name = workspace_of(tenant)
        if name not in self._made:
            answer = await self._client.post(
                f"http://{ALLOWED_HOST}/api/3.0/mlflow/workspaces", json={"name": name}
            )
            if not (answer.is_success or "RESOURCE_ALREADY_EXISTS" in answer.text):
                raise Unavailable(
                    f"MLflow did not make the workspace {name!r}: {answer.text[:300]}"
                )
            self._made.add(name)
        return name
