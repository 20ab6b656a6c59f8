"""What a worker host is told by its launcher, through its environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field

from galley.domain.model import Model
from galley.domain.packages import Packages
from galley.errors import GalleyError


class HostConfig(Model):
    """One worker host.

    Attributes:
        service_url: the service with its prefix, without a trailing slash.
        token: of this host; the file it came in is gone.
        slots: attempts at the same time.
        workers: Dask workers of the tenant's cluster, so notebooks at the same time; and of the
            cluster that the notebooks of a run have for themselves.
        cpu: cores that the notebooks together may have; None: one for each worker.
        memory: bytes that the Dask workers together may hold.
        idle_s: seconds after which an unused cluster and what forks runners are ended.
        once: execute one attempt, then end; a rehearsal's host.
        linger_s: how long such a host waits for MLflow, which is to have what was logged.
        environments: folder of this identity's locked environments; None: each attempt's own.
        own_scratch: folders such as ``/tmp`` that nobody outside of this sandbox sees.
        machine_gpus: folder of the locks by which the machine shares its GPUs; None: it does not.
        packages: where distributions come from; the file that it came in is gone.
        folder: private; for the attempts' folders and the cluster's files.
    """

    service_url: str
    token: str
    tenant: str
    name: str
    slots: int = 1
    workers: int = 1
    cpu: float | None = None
    memory: int = 2**30
    idle_s: float = 600
    once: bool = False
    linger_s: float = 900
    environments: Path | None = None
    own_scratch: tuple[Path, ...] = ()
    machine_gpus: Path | None = None
    packages: Packages = Field(default_factory=Packages)
    folder: Path

    @property
    def zygotes(self) -> Path:
        """Folder of the zygotes that this host's tasks are forked from."""
        return self.folder / "zygotes"

    @property
    def kept(self) -> Path:
        """Folder of what tasks of runs have made that may be tried again."""
        return self.folder / "kept"

    @property
    def results(self) -> Path:
        """Folder of what tasks of incremental runs have made."""
        return self.folder / "results"

    @property
    def origin(self) -> str:
        """Scheme, host and port of the service."""
        parts = urlsplit(self.service_url)
        return f"{parts.scheme}://{parts.netloc}"


def host_config(environment: Mapping[str, str]) -> HostConfig:
    """Return the configuration; reads the files with secrets and deletes them.

    Raises:
        GalleyError: a variable is missing.
    """
    needed = ("GALLEY_SERVICE_URL", "GALLEY_HOST_TOKEN_FILE", "GALLEY_TENANT", "GALLEY_HOST_NAME")
    if missing := [name for name in needed if not environment.get(name)]:
        raise GalleyError(f"a worker host needs the variables {', '.join(missing)}")
    token = _take(environment["GALLEY_HOST_TOKEN_FILE"]).strip()
    packages = environment.get("GALLEY_PACKAGES_FILE")
    environments = environment.get("GALLEY_ENVIRONMENTS")
    scratch = environment.get("GALLEY_OWN_SCRATCH", "")
    gpus = environment.get("GALLEY_MACHINE_GPUS")
    return HostConfig(
        service_url=environment["GALLEY_SERVICE_URL"].rstrip("/"),
        token=token,
        tenant=environment["GALLEY_TENANT"],
        name=environment["GALLEY_HOST_NAME"],
        slots=int(environment.get("GALLEY_HOST_SLOTS", "1")),
        workers=int(environment.get("GALLEY_HOST_WORKERS", "1")),
        cpu=float(environment["GALLEY_HOST_CPU"]) if "GALLEY_HOST_CPU" in environment else None,
        memory=int(environment.get("GALLEY_HOST_MEMORY", str(2**30))),
        idle_s=float(environment.get("GALLEY_CLUSTER_IDLE_S", "600")),
        once=environment.get("GALLEY_HOST_ONCE") == "1",
        linger_s=float(environment.get("GALLEY_HOST_LINGER_S", "900")),
        environments=Path(environments) if environments else None,
        own_scratch=tuple(Path(one) for one in scratch.split(":") if one),
        machine_gpus=Path(gpus) if gpus else None,
        packages=Packages.model_validate_json(_take(packages)) if packages else Packages(),
        folder=Path(environment.get("HOME", "/tmp")) / ".galley",  # noqa: S108
    )


def _take(name: str) -> str:
    file = Path(name)
    text = file.read_text(encoding="utf-8")
    file.unlink()
    return text
