"""Who may write what in a tenant's MLflow, beyond which routes there are.

A pipeline loads models that approved runs made, and passes no further gate when it does. So what
those made is theirs: they write everywhere, and all that they make gets a tag from here that
nobody else can set. A rehearsal, whose code nobody has reviewed, writes to its own experiment
only. People and their notebooks write what they like but that; and a notebook, which anybody's
code may be, changes no registered model that approved runs make versions of, since "the latest"
of those, or an alias, is what a pipeline loads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import Request

from galley.errors import Conflict, Forbidden, PublicError
from galley.service.mlflow.allowed import Need, Of, Route
from galley.service.mlflow.entities import Ask, Entities, Entity
from galley.service.mlflow.targets import (
    Folder,
    Targets,
    claims_approval,
    content_of,
    marked,
    targets_of,
    unmarked,
    values_of,
)

REGISTERED = "mlflow.modelVersions"
"""Tag of a logged model, in which MLflow's client notes what it was registered as."""


@dataclass(frozen=True)
class Writer:
    """On whose behalf a request comes.

    Attributes:
        approved: an approved version's run; everything else here is about the others.
        rehearsal: the name of the only experiment that a rehearsal or a trial writes to; "": it is
            one whose run is not known (any more); None: it is neither.
        host: a worker host sends it. It sends again what was refused for who it is, not what
            was refused for what it is.
        server: with the token of a single-user server, which any notebook can read.
    """

    approved: bool = False
    rehearsal: str | None = None
    host: bool = False
    server: bool = False


@dataclass(frozen=True)
class _Asked:
    """One request, as the rules see it."""

    tenant: str
    writer: Writer
    method: str
    path: str
    of: Of | None
    to: Targets

    def ends(self, *names: str) -> bool:
        return self.path.endswith(names)

    def refusal(self, sentence: str) -> PublicError:
        return (Conflict if self.writer.host else Forbidden)(sentence)


class Guard:
    """Looks at each request that writes to MLflow."""

    def __init__(self, ask: Ask) -> None:
        self._entities = Entities(ask)

    async def content(
        self, request: Request, tenant: str, path: str, route: Route, writer: Writer
    ) -> bytes | None:
        """Return the body to pass on for a request that may be; None: the request's own, unread.

        Raises:
            Forbidden: it may not. Conflict, where it is a host's.
            InvalidInput, TooLarge: what it writes to cannot be read from it.
            Unavailable: MLflow does not answer.
        """
        if writer.approved:
            content = await content_of(request, route) if route.makes else None
            return None if content is None else marked(content)
        if route.need is Need.READ:
            return None
        content = await content_of(request, route)
        to = targets_of(request, path, route, content)
        asked = _Asked(tenant, writer, request.method, path, route.of, to)
        if asked.ends("model-versions/create", "registered-models/create"):
            # Who promotes a version, has all its tags copied.
            content = content and unmarked(content)
        elif claims_approval(to.body):
            raise asked.refusal(
                "the tag 'galley.kind' has the value 'pipeline' on what approved versions' runs "
                "make, and on nothing else"
            )
        if writer.rehearsal is not None:
            await self._rehearsal(asked, writer.rehearsal)
        await self._others(asked)
        return content

    async def _rehearsal(self, asked: _Asked, own: str) -> None:
        """Refuse a rehearsal what is not certainly within its experiment."""
        if asked.of is Of.EXPERIMENT:
            raise asked.refusal("a rehearsal or trial does not rename or delete an experiment")
        if asked.of is Of.NEW_EXPERIMENT:
            here = own and asked.to.names == {own}
            if here and not any(values_of(asked.to.body, "artifactlocation")):
                return
            raise _outside(asked, own, "another experiment")
        if asked.to.missing(asked.of):
            raise _outside(asked, own, "what names none")
        async for what, experiment in self._experiments(asked):
            name = await self._entities.experiment_name(asked.tenant, experiment or "")
            if not own or name != own:
                raise _outside(asked, own, what)

    async def _experiments(self, asked: _Asked) -> AsyncIterator[tuple[str, str | None]]:
        """Yield in which experiment each thing is that is written to; None: it is not there."""
        to, tenant = asked.to, asked.tenant
        for one in to.experiments:
            yield f"experiment {one!r}", one
        if asked.of is Of.FILE:
            place = to.folder.experiment if to.folder else None
            yield f"the artifact {'/'.join(to.files)!r}", place
        for run in to.runs:
            yield f"run {run!r}", _experiment(await self._entities.run(tenant, run))
        for model in to.models:
            yield f"model {model!r}", _experiment(await self._entities.model(tenant, model))
        for trace in to.traces:
            yield f"trace {trace!r}", _experiment(await self._entities.trace(tenant, trace))
        for dataset in to.datasets:
            for where in await self._entities.dataset(tenant, dataset) or (None,):
                yield f"dataset {dataset!r}", where

    async def _others(self, asked: _Asked) -> None:
        """Refuse what would change what approved runs made."""
        match asked.of:
            case Of.EXPERIMENT if not asked.ends("/restore"):
                await self._experiment(asked)
            case Of.RUN | Of.WITHIN if not asked.ends("/restore"):
                await self._run(asked)
            case Of.MODEL:
                await self._model(asked)
            case Of.FILE | Of.UPLOAD:
                await self._file(asked)
            case Of.REGISTERED if asked.writer.server:
                await self._registered(asked)

    async def _experiment(self, asked: _Asked) -> None:
        for experiment in asked.to.experiments:
            if await self._entities.has_approved_runs(asked.tenant, experiment):
                raise asked.refusal(
                    f"approved versions' runs log to the experiment {experiment!r}: it is not "
                    "renamed or deleted"
                )

    async def _run(self, asked: _Asked) -> None:
        for run in asked.to.runs:
            known = await self._entities.run(asked.tenant, run)
            if known is None:
                continue
            if known.approved:
                raise _theirs(asked, f"run {run!r}")
            if asked.ends("runs/delete") and await self._entities.registered_from(
                asked.tenant, run
            ):
                raise _in_use(asked, f"run {run!r}")

    async def _model(self, asked: _Asked) -> None:
        tags = asked.to.body.get("tags")
        if (
            asked.ends("/tags")
            and isinstance(tags, list)
            and all(isinstance(one, dict) and one.get("key") == REGISTERED for one in tags)
        ):
            return  # a client notes what it has registered it as, which says nothing about it
        deleted = asked.method == "DELETE" and "/tags/" not in asked.path
        for model in asked.to.models:
            known = await self._entities.model(asked.tenant, model)
            if known is not None and known.approved:
                raise _theirs(asked, f"model {model!r}")
            if known and deleted and await self._entities.sources(asked.tenant, model):
                raise _in_use(asked, f"model {model!r}")

    async def _file(self, asked: _Asked) -> None:
        """Refuse a file of theirs, of a registered model, or of nothing that MLflow knows.

        What MLflow does not know any more may be deleted: that is how the room is freed.
        """
        folder, known = asked.to.folder, None
        if folder is not None:
            known = await self._entity(asked.tenant, folder)
            if known and known.approved and not await self._is_cleared(asked, folder):
                raise _theirs(asked, f"{folder.kind} {folder.one!r}")
            if await self._is_registered(asked.tenant, folder):
                raise _in_use(asked, f"{folder.kind} {folder.one!r}")
        if folder is None or (known is None and asked.method != "DELETE"):
            raise asked.refusal(
                f"{'/'.join(asked.to.files)!r} is in no folder of artifacts of a run, a model or "
                "a trace that MLflow knows: nothing is written elsewhere"
            )

    async def _entity(self, tenant: str, folder: Folder) -> Entity | None:
        if folder.kind is Of.RUN:
            return await self._entities.run(tenant, folder.one)
        if folder.kind is Of.MODEL:
            return await self._entities.model(tenant, folder.one)
        return await self._entities.trace(tenant, folder.one)

    async def _is_registered(self, tenant: str, folder: Folder) -> bool:
        """Return whether versions of registered models have their files there."""
        if folder.kind is Of.TRACE:
            return False
        sources = await self._entities.sources(tenant, folder.one)
        return any(
            folder.kind is Of.MODEL or _overlap(folder.below, source.partition(folder.one)[2])
            for source in sources
        )

    async def _is_cleared(self, asked: _Asked, folder: Folder) -> bool:
        """Return whether a person frees the room of a run that was removed: ``mlflow gc``."""
        person = not asked.writer.server and asked.writer.rehearsal is None
        if not person or asked.method != "DELETE" or folder.kind is not Of.RUN:
            return False
        return await self._entities.is_deleted(asked.tenant, folder.one)

    async def _registered(self, asked: _Asked) -> None:
        if asked.ends("registered-models/create"):
            return  # where there is one already, MLflow says so, and the client goes on
        for name in asked.to.names:
            if await self._entities.approved_runs_register(asked.tenant, name):
                raise asked.refusal(
                    f"approved versions' runs register {name!r}, and a JupyterLab server's token "
                    "may not change it or add a version, because any notebook can read that "
                    "token: register under another name, or do it in MLflow's pages or with a "
                    "personal token"
                )


def _experiment(found: Entity | None) -> str | None:
    return None if found is None else found.experiment


def _overlap(path: tuple[str, ...], source: str) -> bool:
    """Return whether a path of a run's artifacts is within a registered model's, or holds it.

    Args:
        source: of the model's version, from after the run's id on.
    """
    parts = [part for part in source.split("/") if part]
    place = tuple(parts[1:] if parts[:1] == ["artifacts"] else parts)
    short = min(len(place), len(path))
    return place[:short] == path[:short]


def _outside(asked: _Asked, own: str, what: str) -> PublicError:
    experiment = f"{own!r}" if own else "(its run is not known any more)"
    return asked.refusal(
        f"a rehearsal or trial writes in MLflow to its own experiment {experiment} only, and "
        f"{what} is not there: only an approved version writes elsewhere. The environment "
        "variable GALLEY_REHEARSAL is '1' in a rehearsal."
    )


def _theirs(asked: _Asked, what: str) -> PublicError:
    return asked.refusal(
        f"an approved version's run made {what}: it can be read, and is changed by such runs only"
    )


def _in_use(asked: _Asked, what: str) -> PublicError:
    return asked.refusal(
        f"a version of a registered model comes of {what}, so that stays as it is: delete the "
        "version first"
    )
