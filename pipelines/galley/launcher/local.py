"""Worker hosts on this machine: one sandbox per tenant, and one per attempt of a rehearsal.

Hosts outlive the service. A pid file with the start time lets the next service find them again.
"""

from __future__ import annotations

import fcntl
import math
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec
from uuid import UUID

from galley.cluster.gpus import lay_out
from galley.domain.packages import Packages
from galley.domain.settings import Settings
from galley.domain.tenants import Profile, Tenant, Tenants
from galley.errors import NotFound, Unavailable
from galley.launcher.backoff import Backoff
from galley.sandbox import command, processes
from galley.sandbox.machine import this_machine
from galley.sandbox.processes import ProcessId
from galley.sandbox.spec import SCRATCH, Bind
from galley.sandbox.workspace import (
    ENVIRONMENTS,
    Identity,
    environments_of,
    make_home,
    service_door,
    tenant_identity,
    tenant_spec,
    user_identity,
)

P = ParamSpec("P")

Mint = Callable[[str, str | None, UUID | None, int | None], str]
"""(tenant, author or None, run or None, attempt or None) → the token of a new host."""

GPUS = Path("/gpus")
"""Where a sandbox finds the locks of the machine's GPUs."""
OVERHEAD = 2**30
"""Memory of the host, its runners and idle Dask workers, beside what notebooks use, bytes."""


def _one_at_a_time(
    start: Callable[Concatenate[LocalLauncher, str, P], None],
) -> Callable[Concatenate[LocalLauncher, str, P], None]:
    """Return ``start`` as what only one process of the service does at a time, once for a host.

    Whose lease was taken over while it was stopped half-way finds the other one's host, and starts
    none beside it. Raises Unavailable while another process is starting one.
    """

    @wraps(start)
    def alone(self: LocalLauncher, name: str, /, *args: P.args, **kwargs: P.kwargs) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Unavailable(
                    f"another process of the service is starting a host (it holds {lock.name})"
                ) from error
            if (started := processes.saved(self._folder).get(name)) is not None:
                self._hosts[name] = started
            else:
                start(self, name, *args, **kwargs)

    return alone


class LocalLauncher:
    """Starts hosts in sandboxes, as children of this process that survive it.

    Args:
        tenants: the tenants in force.
        mint: makes the token of a host; the service keeps only its hash.
        machine: this machine's name: its hosts call themselves ``NAME@MACHINE``.
    """

    def __init__(
        self,
        settings: Settings,
        tenants: Callable[[], Tenants],
        *,
        mint: Mint,
        monotonic: Callable[[], float] = time.monotonic,
        machine: str | None = None,
    ) -> None:
        self._settings = settings
        self._tenants = tenants
        self._mint = mint
        self._backoff = Backoff(monotonic)
        self._machine = machine or socket.gethostname()
        self._hosts: dict[str, ProcessId] = {}
        self._children: list[subprocess.Popen[bytes]] = []

    @property
    def hosts(self) -> dict[str, ProcessId]:
        """The hosts that live, by name."""
        return {name: host for name, host in self._hosts.items() if host.alive()}

    def ensure_tenant_host(self, tenant: str) -> None:
        """Start the tenant's host unless it lives or has only just died.

        Raises:
            NotFound: there is no such tenant.
            InvalidInput: one of its datasets cannot be had.
        """
        self._reap()
        name = tenant
        if name in self.hosts or not self._backoff.may_start(name):
            return
        self._backoff.started(name)
        declared = self._tenant(tenant)
        limits = declared.limits
        profile = Profile(
            display_name="host",
            cpu=limits.cpu,
            memory=limits.memory + OVERHEAD,
            gpus=_most_gpus(declared),
        )
        workers = max(1, math.floor(limits.cpu))
        identity = tenant_identity(self._settings, tenant)
        self._start(
            name,
            tenant,
            identity=identity,
            environments=environments_of(self._settings, identity),
            profile=profile,
            token=self._mint(tenant, None, None, None),
            environment={
                "GALLEY_HOST_SLOTS": str(limits.concurrent_runs),
                "GALLEY_HOST_WORKERS": str(workers),
                "GALLEY_HOST_CPU": str(limits.cpu),
                "GALLEY_HOST_MEMORY": str(limits.memory),
                "GALLEY_CLUSTER_IDLE_S": str(limits.cluster_idle),
            },
        )

    def start_rehearsal_host(self, tenant: str, author: str, run_id: UUID, attempt: int) -> None:
        """Start a host with the author's uid and read-only datasets, for one attempt.

        Its home folder is a fresh one: a rehearsal must not find what only lies in its author's,
        and the host of the attempt before may still have its own, to send to MLflow what it holds.

        Raises:
            NotFound: there is no such tenant.
            InvalidInput: one of its datasets cannot be had.
        """
        self._reap()
        of = f"{run_id}-{attempt}"
        name = f"rehearsal-{of}"
        if name in self.hosts:
            return
        declared = self._tenant(tenant)
        largest = max(declared.profiles.values(), key=lambda profile: profile.memory)
        home = self._settings.homes / "rehearsals" / of
        author_identity = user_identity(self._settings, author, tenant)
        self._start(
            name,
            tenant,
            identity=author_identity._replace(home=home),
            profile=largest.model_copy(
                update={"memory": largest.memory + OVERHEAD, "gpus": _most_gpus(declared)}
            ),
            token=self._mint(tenant, author, run_id, attempt),
            environments=environments_of(self._settings, author_identity),
            environment={
                "GALLEY_HOST_ONCE": "1",
                "GALLEY_HOST_WORKERS": str(max(1, math.floor(largest.cpu))),
                "GALLEY_HOST_LINGER_S": str(self._settings.tracking_patience_s),
            },
            read_only_datasets=True,
        )

    def adopt(self) -> None:
        """Find the hosts that an earlier process of the service started."""
        self._hosts.update(processes.saved(self._folder))

    @property
    def _folder(self) -> Path:
        return self._settings.run / "hosts"

    def _tenant(self, name: str) -> Tenant:
        tenant = self._tenants().tenants.get(name)
        if tenant is None:
            raise NotFound(f"there is no tenant {name!r}")
        return tenant

    @_one_at_a_time
    def _start(
        self,
        name: str,
        tenant: str,
        *,
        identity: Identity,
        profile: Profile,
        token: str,
        environments: Path,
        environment: dict[str, str],
        read_only_datasets: bool = False,
    ) -> None:
        make_home(identity)
        packages, links = self._packages(tenant)
        _give(identity, ".galley-token", token)
        _give(identity, ".galley-packages", packages.model_dump_json())
        isolated = self._settings.isolation == "full"
        home = Path("/home") / identity.name if isolated else identity.home
        gpus = self._settings.run / "gpus"
        if profile.gpus:
            lay_out(gpus, this_machine().gpus)
            shared = GPUS if isolated else gpus
            environment = {**environment, "GALLEY_MACHINE_GPUS": str(shared)}
        spec = tenant_spec(
            self._settings,
            tenant,
            self._tenant(tenant),
            identity=identity,
            profile=profile,
            name=f"host-{name}"[:63],
            argv=[sys.executable, "-P", "-m", "galley.host"],
            env={
                "GALLEY_SERVICE_URL": f"{self._settings.service_url}/services/galley",
                "GALLEY_HOST_TOKEN_FILE": str(home / ".galley-token"),
                "GALLEY_PACKAGES_FILE": str(home / ".galley-packages"),
                "GALLEY_ENVIRONMENTS": str(ENVIRONMENTS if isolated else environments),
                "GALLEY_OWN_SCRATCH": ":".join([*(SCRATCH if isolated else ()), str(home)]),
                "GALLEY_TENANT": tenant,
                "GALLEY_HOST_NAME": f"{name}@{self._machine}",
                **environment,
            },
            outbound=service_door(self._settings),
            read_only_datasets=read_only_datasets,
            extra_binds=(
                Bind(source=environments, target=ENVIRONMENTS, mode="rw"),
                *((Bind(source=gpus, target=GPUS),) if profile.gpus else ()),
                *(Bind(source=link, target=link) for link in links if link.exists()),
            ),
        )
        argv = command(spec, self._folder / f"{name}.json")
        self._settings.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._settings.logs / f"host-{name}.log").open("ab") as log:
            child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._children.append(child)
        self._hosts[name] = processes.identify(child.pid)
        processes.save(self._folder / f"{name}.pid", self._hosts[name])

    def _packages(self, tenant: str) -> tuple[Packages, list[Path]]:
        """Return where the tenant's distributions come from, and which folders of it lie here."""
        packages = self._tenant(tenant).packages
        places = [
            link if "://" in link else str(self._settings.home.absolute() / link)
            for link in packages.find_links
        ]
        links = [Path(place) for place in places if "://" not in place]
        return packages.model_copy(update={"find_links": tuple(places)}), links

    def _reap(self) -> None:
        """Collect ended children and remove what ended hosts left behind."""
        self._children = [child for child in self._children if child.poll() is None]
        living = self.hosts
        for name in self._hosts.keys() - living.keys():
            (self._folder / f"{name}.pid").unlink(missing_ok=True)
            if of := name.removeprefix("rehearsal-") if name.startswith("rehearsal-") else None:
                shutil.rmtree(self._settings.homes / "rehearsals" / of, ignore_errors=True)
                (self._settings.logs / f"host-{name}.log").unlink(missing_ok=True)
        self._hosts = living


def _give(identity: Identity, name: str, secret: str) -> None:
    """Put a secret where only the host can read it; the host deletes it."""
    path = identity.home / name
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret)
    if os.geteuid() == 0:
        os.chown(path, identity.uid, identity.gid)


def _most_gpus(tenant: Tenant) -> int:
    """Return how many GPUs a host must see for the tenant's runs; each task sees its own only."""
    wanted = max((profile.gpus for profile in tenant.profiles.values()), default=0)
    return min(wanted, this_machine().gpus)
