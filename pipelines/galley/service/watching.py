"""Looking at files for triggers: where one may look, and which version is there.

The control plane never reads what a tenant has written: names, sizes, times and tags are all.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit
from uuid import UUID

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from galley.domain.settings import Settings
from galley.domain.tenants import DATASETS_ROOT, Tenant, Tenants
from galley.errors import InvalidInput, PublicError
from galley.sandbox.workspace import dataset_folder
from galley.schedule.watch import Look, Watched

PATIENCE_S = 20.0
"""How long a pass waits for answers, seconds; a look that hangs holds up no other."""
THREADS = 8
MOST_ENTRIES = 10_000
"""Entries of a watched folder."""

_TAGS = ("ETag", "etag", "VersionId", "generation", "md5Hash", "checksum")
_TIMES = ("mtime", "LastModified", "last_modified", "Last-Modified", "updated")
_OTHER = ("size", "ino")
_DELTA = re.compile(r"(\d{20})\.json")
_ICEBERG = re.compile(r"v?(\d+)(?:-[0-9a-f-]+)?\.metadata\.json")


class Place(NamedTuple):
    """Where a file lies.

    Attributes:
        url: what fsspec opens; a path of this machine for a local one.
        root: the allowed folder above it, on this machine; None: it is elsewhere.
    """

    url: str
    root: Path | None


def locate(settings: Settings, tenant_name: str, tenant: Tenant, url: str) -> Place:
    """Return where ``url`` lies, if the tenant may watch it; nothing is looked at.

    Raises:
        InvalidInput: it is no URL, or under none of the tenant's datasets and watched folders.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _refused(tenant, f"{url!r} is no URL: {error}") from None
    folders = unquote(parts.path).split("/")
    if "::" in url or ".." in folders or "\0" in unquote(url) or parts.query or parts.fragment:
        raise _refused(tenant, f"{url!r} holds '..', '::', '?' or '#'")
    if not parts.scheme:
        return _in_dataset(settings, tenant_name, tenant, url)
    for allowed in tenant.watch:
        if url.startswith(allowed) and len(url) > len(allowed):
            local = parts.scheme in {"file", "local"}
            root = Path(unquote(urlsplit(allowed).path)) if local else None
            return Place(unquote(parts.path) if local else url, root)
    raise _refused(tenant, f"{url!r} is not under a folder that this tenant may watch")


def _in_dataset(settings: Settings, tenant_name: str, tenant: Tenant, url: str) -> Place:
    parts = PurePosixPath(url).parts
    name = parts[2] if len(parts) > 2 else ""
    if posixpath.join("/", *parts[1:2]) != DATASETS_ROOT or name not in tenant.datasets:
        raise _refused(tenant, f"{url!r} is in no dataset of this tenant")
    field = f"tenants.{tenant_name}.datasets.{name}.uri"
    root = dataset_folder(settings, tenant.datasets[name], field=field)
    return Place(str(root.joinpath(*parts[3:])), root)


def _refused(tenant: Tenant, what: str) -> InvalidInput:
    places = [f"{DATASETS_ROOT}/{name}/…" for name in tenant.datasets]
    places += [f"{url}…" for url in tenant.watch]
    return InvalidInput(
        f"{what}. It may watch: {', '.join(places) or 'nothing, it has no dataset'}; the operator "
        "adds more with `watch` in the tenants file.",
        field="source.url",
    )


def check_reachable(place: Place) -> None:
    """Do nothing if what opens such a place is installed.

    Raises:
        InvalidInput: it is not.
    """
    try:
        url_to_fs(place.url)
    except (ImportError, ValueError) as error:
        raise InvalidInput(
            f"{place.url!r} cannot be watched by this platform: {error}", field="source.url"
        ) from error


def version_at(place: Place) -> str | None:
    """Return what tells one version of a file from the next; None: there is no such file.

    A Delta or Iceberg table is told by its newest commit, another folder by its entries.

    Raises:
        InvalidInput: a link leads out of the allowed folder, or nothing tells versions apart.
        OSError: the place does not answer.
    """
    where = place.url
    if place.root is not None:
        where = os.path.realpath(where)
        if not Path(where).is_relative_to(os.path.realpath(place.root)):
            raise InvalidInput(f"{place.url!r} leads out of the folder that may be watched")
    files, path = url_to_fs(where, use_listings_cache=False)
    files.invalidate_cache()
    try:
        info = files.info(path)
        if info["type"] != "directory":
            return _digest(_facts(info))
        return _table(files, path) or _folder(files, path)
    except FileNotFoundError:
        return None


def _facts(info: Mapping[str, Any]) -> dict[str, str]:
    """Return what changes with the content: a tag, a time, the size."""
    names = [name for name in (*_TAGS, *_TIMES) if info.get(name)] or ["created"]
    found = {name: str(info[name]) for name in (*names, *_OTHER) if info.get(name) is not None}
    if not set(found) - set(_OTHER):
        raise InvalidInput("the place tells neither a tag nor a time of the file")
    return found


def _folder(files: AbstractFileSystem, path: str) -> str:
    entries = files.ls(path, detail=True)
    if len(entries) > MOST_ENTRIES:
        raise InvalidInput(
            f"the folder has {len(entries):,} entries, more than {MOST_ENTRIES:,}: watch a file"
        )
    return _digest(
        sorted(
            (one["name"], "folder" if one["type"] == "directory" else _digest(_facts(one)))
            for one in entries
        )
    )


def _table(files: AbstractFileSystem, path: str) -> str | None:
    """Return the newest commit of a Delta or Iceberg table; None: it is none."""
    for folder, pattern, kind in (
        ("_delta_log", _DELTA, "delta"),
        ("metadata", _ICEBERG, "iceberg"),
    ):
        inside = f"{path.rstrip('/')}/{folder}"
        if not files.isdir(inside):
            continue
        names = (posixpath.basename(name) for name in files.ls(inside, detail=False))
        commits = [(int(match[1]), name) for name in names if (match := pattern.fullmatch(name))]
        if commits:
            return f"{kind} {max(commits)[1].removesuffix('.json')}"
    return None


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


class Watcher:
    """Looks at many files at a time; one that does not answer is asked again once it has."""

    def __init__(self, settings: Settings, tenants: Callable[[], Tenants]) -> None:
        self._settings = settings
        self._tenants = tenants
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="galley-watch")
        self._pending: dict[UUID, Future[str | None]] = {}

    def look(self, watched: Iterable[Watched]) -> list[Look]:
        """Return what is to be seen now, within :data:`PATIENCE_S` seconds."""
        asked = {}
        for one in watched:
            if one.trigger not in self._pending:
                self._pending[one.trigger] = self._pool.submit(self._version, one)
            asked[one.trigger] = self._pending[one.trigger]
        done, _ = wait(asked.values(), PATIENCE_S)
        for trigger, future in asked.items():
            if future in done:
                del self._pending[trigger]
        return [_look_of(trigger, future) for trigger, future in asked.items()]

    def _version(self, one: Watched) -> str | None:
        tenant = self._tenants().tenants[one.tenant]
        return version_at(locate(self._settings, one.tenant, tenant, one.url))


def _look_of(trigger: UUID, future: Future[str | None]) -> Look:
    if not future.done():
        return Look(trigger, error=f"no answer within {PATIENCE_S:g} s")
    error = future.exception()
    if isinstance(error, PublicError):
        return Look(trigger, error=error.detail)
    if error is not None:  # whatever a filesystem's own library raises
        return Look(trigger, error=f"{type(error).__name__}: {error}"[:500])
    return Look(trigger, future.result())
