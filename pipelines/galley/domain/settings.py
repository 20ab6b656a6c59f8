"""Settings of one deployment, written by ``galley up`` and read by every process it starts.

They travel as one JSON file whose path is in ``GALLEY_SETTINGS``; only composition roots read it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from galley.domain.model import Model


class Settings(Model):
    """One deployment on one machine.

    Attributes:
        isolation: ``full``: every server, host and rehearsal has its own sandbox; ``none``: only
            tenants that do not require isolation are started.
        isolation_reason: why isolation cannot be had, and the line that enables it.
    """

    home: Path = Field(description="GALLEY_HOME: all state lies here.")
    tenants_file: Path = Field(description="The tenants file.")
    bind: str = Field(default="127.0.0.1", description="Address that the proxy listens on.")
    port: int = Field(default=8000, description="Port that the proxy listens on (GALLEY_PORT).")
    hub_port: int = Field(description="Loopback port of the hub.")
    proxy_api_port: int = Field(description="Loopback port of the proxy's API.")
    service_port: int = Field(description="Loopback port of the service.")
    isolation: Literal["full", "none"]
    secret_keys_file: Path | None = Field(
        default=None,
        description="File of the keys that seal secrets (GALLEY_SECRET_KEYS_FILE); default: in the "
        "state directory.",
    )
    database_url: str | None = Field(
        default=None,
        repr=False,
        description="Where the service keeps its state (GALLEY_DATABASE_URL): "
        "postgresql+psycopg://USER:PASSWORD@HOST/NAME; default: SQLite in the state directory.",
    )
    service_processes: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Processes of the service (GALLEY_SERVICE_PROCESSES). They share its port, and "
        "each loop runs in one of them; when that ends, in another one within 5 s.",
    )
    isolation_reason: str | None = None
    tracking_patience_s: float = Field(
        default=900,
        description="How long a rehearsal's host waits for MLflow to take what it has, seconds.",
    )

    @property
    def public_url(self) -> str:
        """The address for people, without a trailing slash."""
        return f"http://{self.bind}:{self.port}"

    @property
    def service_url(self) -> str:
        """Where the service itself listens."""
        return f"http://127.0.0.1:{self.service_port}"

    def service_socket(self, name: str) -> Path:
        """The unix socket at which one process of the service answers, and no other."""
        return self.run / f"{name}.sock"

    @property
    def secrets(self) -> Path:
        """Folder (0700) of tokens, one file each: service, mlflow, proxy, cookie."""
        return self.home / "secrets"

    @property
    def secret_keys(self) -> Path:
        """The file (0600) of the keys that seal tenants' secrets and personal values."""
        return self.secret_keys_file or self.secrets / "secret-keys"

    @property
    def database(self) -> str:
        """The URL of the service's database; it may hold a password."""
        return self.database_url or f"sqlite:///{self.service_state / 'galley.db'}"

    @property
    def hub_state(self) -> Path:
        """Folder (0700) of the hub: its database, the password hashes, the uid registry."""
        return self.home / "hub"

    @property
    def service_state(self) -> Path:
        """Folder (0700) of the service: database, blobs, repositories, logs and artifacts."""
        return self.home / "service"

    @property
    def mlflow_state(self) -> Path:
        """Folder (0700) of MLflow: database, artifacts and its socket."""
        return self.home / "mlflow"

    @property
    def mlflow_socket(self) -> Path:
        """The unix socket that MLflow listens on."""
        return self.mlflow_state / "server.sock"

    @property
    def homes(self) -> Path:
        """Folder of home folders: ``users/USER/TENANT`` and ``hosts/TENANT``."""
        return self.home / "homes"

    @property
    def run(self) -> Path:
        """Folder (0700) of what lives as long as a process: sockets, pid files, sandbox specs."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """Folder (0700) of one log file per process."""
        return self.home / "logs"
