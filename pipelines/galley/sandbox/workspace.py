"""The sandbox of a tenant's server, worker host or rehearsal: what they have in common.

Inside, the home folder is ``/home/NAME`` and datasets lie in ``/datasets``; nothing else of
GALLEY_HOME is there. Without isolation the home folder is the real one, and ``datasets`` in it
is the only place where datasets are.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from galley.domain.settings import Settings
from galley.domain.tenants import DATASETS_ROOT, Dataset, DatasetMode, Profile, Tenant
from galley.errors import InvalidInput
from galley.sandbox.identities import Identities
from galley.sandbox.python import interpreter_binds
from galley.sandbox.spec import Bind, SandboxSpec

TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PLOOMBER_STATS_ENABLED": "false",
    "PLOOMBER_VERSION_CHECK_DISABLED": "1",
}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Identity(NamedTuple):
    """Who a sandbox is: login name, ids, and the home folder on the machine."""

    name: str
    uid: int
    gid: int
    home: Path


def user_identity(settings: Settings, user: str, tenant: str) -> Identity:
    """Return a member in a tenant: their servers, and the rehearsals of what they publish."""
    identities = Identities(settings.hub_state / "uids.json")
    home = settings.homes / "users" / user / tenant
    return Identity(user, identities.user(user, tenant), identities.group(tenant), home)


def tenant_identity(settings: Settings, tenant: str) -> Identity:
    """Return a tenant's service identity: its worker host and what approved versions run as."""
    identities = Identities(settings.hub_state / "uids.json")
    home = settings.homes / "hosts" / tenant
    return Identity(tenant, identities.tenant(tenant), identities.group(tenant), home)


def tenant_spec(
    settings: Settings,
    tenant_name: str,
    tenant: Tenant,
    *,
    identity: Identity,
    profile: Profile,
    name: str,
    argv: Sequence[str],
    env: Mapping[str, str],
    inbound: Mapping[int, int] | None = None,
    outbound: Mapping[int, str] | None = None,
    read_only_datasets: bool = False,
    extra_binds: Sequence[Bind] = (),
) -> SandboxSpec:
    """Return the spec of one sandbox of a tenant, its home and created datasets made ready.

    Args:
        identity: who it is; its home folder is made and owned here.
        name: for messages and as host name, such as ``oncology-alice``.
        env: on top of the common environment.
        read_only_datasets: for rehearsals, whatever the tenant says.

    Raises:
        InvalidInput: a dataset is missing, or the sandbox's identity may not use it.
    """
    isolated = settings.isolation == "full"
    home = Path("/home") / identity.name if isolated else identity.home
    make_home(identity)
    datasets = dataset_binds(settings, tenant_name, tenant, identity, read_only=read_only_datasets)
    if not isolated:
        _link_datasets(identity.home / "datasets", datasets)
    return SandboxSpec(
        name=name,
        argv=tuple(argv),
        env={**_environment(identity.name, home, profile, isolated=isolated), **env},
        cwd=home,
        user=identity.name,
        home=home,
        uid=identity.uid,
        gid=identity.gid,
        binds=(
            *interpreter_binds(),
            Bind(source=identity.home, target=home, mode="rw"),
            *datasets,
            *extra_binds,
        ),
        inbound=dict(inbound or {}),
        outbound=dict(outbound or {}),
        internet=isolated,
        memory=profile.memory,
        cpu=profile.cpu,
        gpus=profile.gpus > 0,
        isolated=isolated,
    )


def platform_door(settings: Settings) -> dict[int, str]:
    """Return the door to the public address, for interactive sandboxes."""
    return {settings.port: f"127.0.0.1:{settings.port}"}


def service_door(settings: Settings) -> dict[int, str]:
    """Return the door to the service itself, for worker hosts and rehearsals."""
    return {settings.service_port: f"127.0.0.1:{settings.service_port}"}


ENVIRONMENTS = Path("/environments")
"""Where a sandbox finds the locked environments of its identity."""


def environments_of(settings: Settings, identity: Identity) -> Path:
    """Return the folder of an identity's locked environments, made and owned by it.

    It is outside the home folder: an interactive server sees it read-only, so that a notebook there
    cannot change what runs later.
    """
    folder = settings.homes / "environments" / identity.home.relative_to(settings.homes)
    make_home(identity._replace(home=folder))
    return folder


def make_home(identity: Identity) -> None:
    """Make the home folder, 0700 and owned by the identity; its parents stay the platform's."""
    identity.home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    identity.home.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0 and identity.home.stat().st_uid != identity.uid:
        os.chown(identity.home, identity.uid, identity.gid)


def dataset_folder(settings: Settings, dataset: Dataset, *, field: str) -> Path:
    """Return where a dataset lies on the machine.

    Raises:
        InvalidInput: the URI is not a path or a ``file:`` URI.
    """
    parts = urlsplit(dataset.uri)
    if parts.scheme not in {"", "file"} or parts.netloc not in {"", "localhost"}:
        raise InvalidInput(
            f"{field}: {dataset.uri!r} is not a path or a file: URI of this machine.", field=field
        )
    return settings.home.absolute() / unquote(parts.path)


def dataset_binds(
    settings: Settings, tenant_name: str, tenant: Tenant, identity: Identity, *, read_only: bool
) -> tuple[Bind, ...]:
    """Return the tenant's datasets as binds below ``/datasets``.

    Raises:
        InvalidInput: naming the dataset, its folder and what to do.
    """
    binds = []
    for name, dataset in tenant.datasets.items():
        field = f"tenants.{tenant_name}.datasets.{name}"
        folder = dataset_folder(settings, dataset, field=f"{field}.uri")
        writable = dataset.mode is DatasetMode.RW
        _make_or_check(folder, dataset, identity, field=field)
        mode = "rw" if writable and not read_only else "ro"
        binds.append(Bind(source=folder, target=Path(DATASETS_ROOT) / name, mode=mode))
    return tuple(binds)


def _make_or_check(folder: Path, dataset: Dataset, identity: Identity, *, field: str) -> None:
    writable = dataset.mode is DatasetMode.RW
    if dataset.create and not folder.exists():
        folder.mkdir(parents=True)
        if os.geteuid() == 0:
            os.chown(folder, 0, identity.gid)
        folder.chmod(0o2770 if writable else 0o2750)  # New files get the tenant's group.
    if not folder.is_dir():
        raise InvalidInput(
            f"{field}: the folder {str(folder)!r} does not exist on this machine. Create it, "
            f"or set {field}.create to true.",
            field=field,
        )
    if not _allowed(folder, identity, writable=writable):
        verb = "write to" if writable else "read"
        raise InvalidInput(
            f"{field}: members of the tenant cannot {verb} {str(folder)!r}. Give its group the "
            f"right: chgrp -R {identity.gid} {folder} && chmod -R g+{'rwX' if writable else 'rX'}"
            f" {folder}",
            field=field,
        )


def _allowed(folder: Path, identity: Identity, *, writable: bool) -> bool:
    status = folder.stat()
    needed = 0o7 if writable else 0o5
    if status.st_uid == identity.uid:
        return (status.st_mode >> 6) & needed == needed
    if status.st_gid == identity.gid:
        return (status.st_mode >> 3) & needed == needed
    return status.st_mode & needed == needed


def _link_datasets(folder: Path, binds: Sequence[Bind]) -> None:
    folder.mkdir(exist_ok=True)
    for bind in binds:
        link = folder / bind.target.name
        if link.is_symlink():
            link.unlink()
        if not link.exists():
            link.symlink_to(bind.source)


def _environment(user: str, home: Path, profile: Profile, *, isolated: bool) -> dict[str, str]:
    threads = str(max(1, math.floor(profile.cpu)))
    path = (f"{sys.prefix}/bin", "/usr/local/bin", "/usr/bin", "/bin")
    return {
        "PATH": os.pathsep.join(path),
        "HOME": str(home),
        "USER": user,
        "LOGNAME": user,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "GALLEY_DATASETS": DATASETS_ROOT if isolated else str(home / "datasets"),
        "CPU_LIMIT": str(profile.cpu),
        "MEM_LIMIT": str(profile.memory),
        **TELEMETRY_OFF,
        **dict.fromkeys(THREAD_VARIABLES, threads),
    }
