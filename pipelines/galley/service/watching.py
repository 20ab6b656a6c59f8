"""Looking at files for triggers: where one may look, and at many at a time."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path, PurePosixPath
from threading import Thread
from time import monotonic
from typing import NamedTuple
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

PASS_S = 1.0
"""How long a pass waits for answers, seconds; a look that hangs holds up no other."""
PATIENCE_S = 20.0
"""How long a look may take before it has failed, seconds."""
MOST_AT_A_TIME = 4
"""Looks of one tenant that are under way at a time, those that hang among them."""


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


class _Pending(NamedTuple):
    """A look under way; ``since`` is of the monotonic clock, seconds."""

    tenant: str
    since: float
    answer: Future[str | None]


class Watcher:
    """Looks at many files at a time; one that does not answer is asked again once it has.

    Each look has a thread that the end of the process does not wait for, and each tenant few of
    them, so that places that hang hold up only what their own tenant watches there.
    """

    def __init__(self, settings: Settings, tenants: Callable[[], Tenants]) -> None:
        self._settings = settings
        self._tenants = tenants
        self._pending: dict[UUID, _Pending] = {}

    def look(self, watched: Iterable[Watched]) -> list[Look]:
        """Return what is to be seen now, within :data:`PASS_S` seconds.

        What is still under way then is told by a later call, as a failure once it has taken
        :data:`PATIENCE_S` seconds; what could not be begun is left out.
        """
        asked, began = list(watched), monotonic()
        self._pending = {
            trigger: one
            for trigger, one in self._pending.items()
            if not one.answer.done() or began - one.since <= PATIENCE_S
        }
        waiting = [one for one in asked if one.trigger not in self._pending]
        until = began + min(PASS_S, PATIENCE_S)
        while True:
            waiting = [one for one in waiting if not self._begin(one, began)]
            rest, open_ = until - monotonic(), self._open()
            if rest <= 0 or not (waiting or any(one.trigger in open_ for one in asked)):
                break
            wait(open_.values(), rest, FIRST_COMPLETED)
        return [found for one in asked if (found := self._told(one.trigger, until))]

    def _open(self) -> dict[UUID, Future[str | None]]:
        return {key: one.answer for key, one in self._pending.items() if not one.answer.done()}

    def _begin(self, one: Watched, now: float) -> bool:
        """Begin a look unless too many of the tenant are under way; return whether it was."""
        under_way = [p for p in self._pending.values() if not p.answer.done()]
        if sum(other.tenant == one.tenant for other in under_way) >= MOST_AT_A_TIME:
            return False
        pending = _Pending(one.tenant, now, Future())
        self._pending[one.trigger] = pending
        Thread(
            target=self._answer, args=(one, pending.answer), name="galley-watch", daemon=True
        ).start()
        return True

    def _answer(self, one: Watched, answer: Future[str | None]) -> None:
        try:
            tenant = self._tenants().tenants[one.tenant]
            version = version_at(locate(self._settings, one.tenant, tenant, one.url))
        except Exception as error:  # whatever a filesystem's own library raises
            answer.set_exception(error)
        else:
            answer.set_result(version)

    def _told(self, trigger: UUID, now: float) -> Look | None:
        pending = self._pending.get(trigger)
        if pending is None:
            return None
        if pending.answer.done():
            del self._pending[trigger]
            return _look_of(trigger, pending.answer)
        if now < pending.since + PATIENCE_S:
            return None
        return Look(trigger, error=f"no answer within {PATIENCE_S:g} s")


def _look_of(trigger: UUID, answer: Future[str | None]) -> Look:
    error = answer.exception()
    if isinstance(error, PublicError):
        return Look(trigger, error=error.detail)
    if error is not None:
        return Look(trigger, error=f"{type(error).__name__}: {error}"[:500])
    return Look(trigger, answer.result())
