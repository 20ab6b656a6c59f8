"""Looking at files for triggers: where one may look, and at many at a time."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from uuid import UUID

from fsspec import get_filesystem_class
from fsspec.utils import get_protocol

from galley.domain.settings import Settings
from galley.domain.tenants import DATASETS_ROOT, Tenant, Tenants
from galley.errors import InvalidInput, PublicError
from galley.sandbox.workspace import dataset_folder
from galley.schedule.watch import Look, Watched
from galley.service.file_versions import Place, version_at

PATIENCE_S = 20.0
"""How long a pass waits for answers, seconds; a look that hangs holds up no other."""
THREADS = 8


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
            if parts.scheme not in {"file", "local"}:
                return Place(url)
            return Place(url, Path(unquote(urlsplit(allowed).path)), unquote(parts.path))
    raise _refused(tenant, f"{url!r} is not under a folder that this tenant may watch")


def _in_dataset(settings: Settings, tenant_name: str, tenant: Tenant, url: str) -> Place:
    parts = PurePosixPath(url).parts
    name = parts[2] if len(parts) > 2 else ""
    if posixpath.join("/", *parts[1:2]) != DATASETS_ROOT or name not in tenant.datasets:
        raise _refused(tenant, f"{url!r} is in no dataset of this tenant")
    field = f"tenants.{tenant_name}.datasets.{name}.uri"
    root = dataset_folder(settings, tenant.datasets[name], field=field)
    return Place(url, root, str(root.joinpath(*parts[3:])))


def _refused(tenant: Tenant, what: str) -> InvalidInput:
    places = [f"{DATASETS_ROOT}/{name}/…" for name in tenant.datasets]
    places += [f"{url}…" for url in tenant.watch]
    return InvalidInput(
        f"{what}. It may watch: {', '.join(places) or 'nothing, it has no dataset'}; the operator "
        "adds more with `watch` in the tenants file.",
        field="source.url",
    )


def check_reachable(place: Place) -> None:
    """Do nothing if what opens such a place is installed; nothing is connected to.

    Raises:
        InvalidInput: it is not.
    """
    try:
        get_filesystem_class(get_protocol(place.url))
    except (ImportError, ValueError) as error:
        raise InvalidInput(
            f"{place.url!r} cannot be watched by this platform: {error}", field="source.url"
        ) from error


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
