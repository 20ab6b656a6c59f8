"""What a person may choose when starting: home, port, address, tenants file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from galley.domain.model import Model


class Options(Model):
    """The choices of `galley up`."""

    home: Path = Field(description="GALLEY_HOME: folder of all state.")
    port: int = Field(default=8000, ge=1, le=65535, description="GALLEY_PORT: the public port.")
    bind: str = Field(default="127.0.0.1", description="Address that the proxy listens on.")
    tenants_file: Path | None = Field(
        default=None, description="GALLEY_TENANTS; default: the checkout's, else HOME/tenants.yaml."
    )
    secret_keys_file: Path | None = Field(
        default=None,
        description="GALLEY_SECRET_KEYS_FILE; default: secrets/secret-keys in the home.",
    )
    database_url: str | None = Field(
        default=None,
        repr=False,
        description="GALLEY_DATABASE_URL; default: SQLite in the home.",
    )
    new_database: bool = Field(
        default=False,
        description="Start with another database than the state in the home belongs to.",
    )
    service_processes: int = Field(
        default=1, ge=1, le=16, description="GALLEY_SERVICE_PROCESSES: processes of the service."
    )
    die_with_parent: bool = Field(
        default=False, description="Stop when the process that started this one is gone."
    )
