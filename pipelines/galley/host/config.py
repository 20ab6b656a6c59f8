"""What a worker host is told by its launcher, through its environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from galley.domain.model import Model
from galley.errors import GalleyError


class HostConfig(Model):
    """One worker host.

    Attributes:
        service_url: the service with its prefix, without a trailing slash.
        token: of this host; the file it came in is gone.
        slots: attempts at the same time.
        workers: Dask workers of the tenant's cluster, so notebooks at the same time.
        memory: bytes that the Dask workers together may hold.
        idle_s: seconds after which an unused cluster and spare runner are ended.
        once: execute one attempt, then end; a rehearsal's host.
        folder: private; for the attempts' folders and the cluster's files.
    """

    service_url: str
    token: str
    tenant: str
    name: str
    slots: int = 1
    workers: int = 1
    memory: int = 2**30
    idle_s: float = 600
    once: bool = False
    folder: Path

    @property
    def origin(self) -> str:
        """Scheme, host and port of the service."""
        parts = urlsplit(self.service_url)
        return f"{parts.scheme}://{parts.netloc}"


def host_config(environment: Mapping[str, str]) -> HostConfig:
    """Return the configuration; reads the token's file and deletes it.

    Raises:
        GalleyError: a variable is missing.
    """
    needed = ("GALLEY_SERVICE_URL", "GALLEY_HOST_TOKEN_FILE", "GALLEY_TENANT", "GALLEY_HOST_NAME")
    if missing := [name for name in needed if not environment.get(name)]:
        raise GalleyError(f"a worker host needs the variables {', '.join(missing)}")
    token_file = Path(environment["GALLEY_HOST_TOKEN_FILE"])
    token = token_file.read_text(encoding="utf-8").strip()
    token_file.unlink()
    return HostConfig(
        service_url=environment["GALLEY_SERVICE_URL"].rstrip("/"),
        token=token,
        tenant=environment["GALLEY_TENANT"],
        name=environment["GALLEY_HOST_NAME"],
        slots=int(environment.get("GALLEY_HOST_SLOTS", "1")),
        workers=int(environment.get("GALLEY_HOST_WORKERS", "1")),
        memory=int(environment.get("GALLEY_HOST_MEMORY", str(2**30))),
        idle_s=float(environment.get("GALLEY_CLUSTER_IDLE_S", "600")),
        once=environment.get("GALLEY_HOST_ONCE") == "1",
        folder=Path(environment.get("HOME", "/tmp")) / ".galley",  # noqa: S108
    )
