"""How to reach a Dask cluster."""

from __future__ import annotations

from pathlib import Path

from galley.domain.model import Model


class ClusterAddress(Model):
    """A scheduler's address and the TLS files of the tenant that open it."""

    address: str
    ca: Path
    cert: Path
    key: Path
