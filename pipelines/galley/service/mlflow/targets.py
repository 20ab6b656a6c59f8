"""What a request to MLflow writes to, read from the request as MLflow reads it.

MLflow takes the ids from the path, from JSON with either spelling of a field (``run_id``,
``runId``, and ``run_uuid`` of old clients), from the query where a file is uploaded, and from
headers where spans are. All of them are found here, so that none is checked in place of another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse, urlunparse

from starlette.requests import Request

from galley.errors import InvalidInput, TooLarge
from galley.service.mlflow.allowed import Of, Route

MOST = 64 * 2**20
"""Bytes of a request that names what it writes to in its body; files are in none of these."""
KIND = "galley.kind"
APPROVED = "pipeline"
"""Value of the tag :data:`KIND` on what the run of an approved version made."""

_UNREAD = frozenset({Of.FILE, Of.UPLOAD, Of.SPANS})
_RUN = re.compile(r"[0-9a-f]{32}")
_MODEL = re.compile(r"m-[0-9a-f]{32}")
_MOST_DECODING = 10
_TRACE_PLACE = ("trace", "traceinfo", "tracelocation", "mlflowexperiment", "experimentid")


class Folder(NamedTuple):
    """Where an artifact lies.

    Attributes:
        experiment: id of the experiment.
        kind: a run, a logged model or a trace.
        one: its id.
        below: the path below its artifacts, part by part.
    """

    experiment: str
    kind: Of
    one: str
    below: tuple[str, ...]


@dataclass(frozen=True)
class Targets:
    """Ids of what one request writes to.

    Attributes:
        names: of registered models.
        files: the path of an artifact below its tenant's folder, part by part.
        folder: of that; None: it is in none, or this is about no artifact.
        body: JSON of the request.
    """

    experiments: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    traces: frozenset[str] = frozenset()
    datasets: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    files: tuple[str, ...] = ()
    folder: Folder | None = None
    body: Mapping[str, Any] = field(default_factory=dict)

    def missing(self, of: Of | None) -> bool:
        """Return whether it is not said to what a route that changes ``of`` writes.

        MLflow takes its default experiment then, whatever else is said.
        """
        match of:
            case Of.RUN | Of.UPLOAD:
                return not self.runs
            case Of.MODEL | Of.TRACE | Of.DATASET:
                return not (self.models or self.traces or self.datasets)
            case Of.FILE:
                return self.folder is None
            case _:
                return not self.experiments


async def content_of(request: Request, route: Route) -> bytes | None:
    """Return the body of a request that says there what it writes to; None: it is left unread.

    Raises:
        TooLarge: nothing that is no file is as large.
    """
    if route.of in _UNREAD:
        return None
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MOST:
            raise TooLarge(f"the body is larger than {MOST} bytes, the limit of a call of MLflow's")
    return bytes(content)


def body_of(content: bytes | None) -> dict[str, Any]:
    """Return the JSON object of a body as it was sent; empty where there is none.

    Raises:
        InvalidInput: it is something else.
    """
    try:
        body = json.loads(content) if content else {}
        if isinstance(body, str):  # old clients encode twice, and MLflow takes it
            body = json.loads(body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InvalidInput("the body of this call of MLflow's is to be a JSON object")
    return body


def targets_of(request: Request, path: str, route: Route, content: bytes | None) -> Targets:
    """Return what an allowed request writes to.

    Args:
        path: below the tenant's prefix, decoded.
        content: of its body, where :func:`content_of` read it.

    Raises:
        InvalidInput: it says so in more than one way.
    """
    match = route.pattern.fullmatch(path)
    at = match.groupdict() if match else {}
    body = body_of(content)
    begins_trace = path.endswith("/3.0/mlflow/traces")
    experiments = (
        _trace_place(body) if begins_trace else _texts(body, "experimentid", "experimentids")
    )
    runs = _texts(body, "runid", "runuuid", "sourcerunid")
    if route.of is Of.SPANS:
        experiments = _once(request.headers.getlist("x-mlflow-experiment-id"), "experiment")
        runs = _once(request.headers.getlist("x-mlflow-run-id"), "run")
    files = _parts(at["file"]) if "file" in at else ()
    if route.of is Of.UPLOAD:
        runs = _once(request.query_params.getlist("run_uuid"), "run")
        path = "/".join(_once(request.query_params.getlist("path"), "path"))
        files = ("", *runs, "artifacts", *_parts(path))
    traces = _texts(body, "traceid", "traceids", "requestid")
    return Targets(
        experiments=frozenset(experiments),
        runs=frozenset(runs),
        models=_with(at.get("model"), _texts(body, "modelid") if route.of is Of.MODEL else set()),
        traces=_with(at.get("trace"), traces),
        datasets=_with(at.get("dataset"), _texts(body, "datasetid")),
        names=frozenset(_texts(body, "name")),
        files=files,
        folder=folder_of(files),
        body=body,
    )


def folder_of(files: tuple[str, ...]) -> Folder | None:
    """Return in whose folder an artifact lies; None: in none that MLflow would make.

    MLflow makes ``EXPERIMENT/RUN/artifacts``, and ``EXPERIMENT/models/MODEL/artifacts`` and
    ``EXPERIMENT/traces/TRACE/artifacts``; with workspaces, no experiment has them elsewhere.
    """
    match files[2:] if files[:1] == ("workspaces",) else files:
        case [experiment, "models", model, *below] if _MODEL.fullmatch(model):
            kind, one = Of.MODEL, model
        case [experiment, "traces", one, *below]:
            kind = Of.TRACE
        case [experiment, run, *below] if _RUN.fullmatch(run):
            kind, one = Of.RUN, run
        case _:
            return None
    return Folder(experiment, kind, one, tuple(below[1:] if below[:1] == ["artifacts"] else below))


def marked(content: bytes) -> bytes:
    """Return the body of what makes something, with the tag of what an approved run made."""
    body = body_of(content)
    tags = body.get("tags") or []
    if not isinstance(tags, list) or {"key": KIND, "value": APPROVED} in tags:
        return content
    others = [tag for tag in tags if not (isinstance(tag, dict) and tag.get("key") == KIND)]
    return json.dumps({**body, "tags": [*others, {"key": KIND, "value": APPROVED}]}).encode()


def unmarked(content: bytes) -> bytes:
    """Return the body of what makes something, without that tag."""
    body = body_of(content)
    tags = body.get("tags")
    if not claims_approval(body) or not isinstance(tags, list):
        return content
    others = [tag for tag in tags if not (isinstance(tag, dict) and tag.get("key") == KIND)]
    return json.dumps({**body, "tags": others}).encode()


def claims_approval(body: Mapping[str, Any]) -> bool:
    """Return whether a request sets the tag that only what approved runs make has."""
    tags = body.get("tags")
    entries = [body, *(tags if isinstance(tags, list) else [])]
    return any(
        isinstance(one, Mapping) and one.get("key") == KIND and one.get("value") == APPROVED
        for one in entries
    )


def values_of(body: Mapping[str, Any], *keys: str) -> list[Any]:
    """Return the values of a field, however it is spelled; keys without underscores."""
    return [value for key, value in body.items() if key.replace("_", "").lower() in keys]


def _texts(body: Mapping[str, Any], *keys: str) -> set[str]:
    """Return the ids under any of the keys."""
    found: set[str] = set()
    for value in values_of(body, *keys):
        many = value if isinstance(value, list) else [value]
        found |= {str(one) for one in many if one is not None and one != ""}
    return found


def _trace_place(body: Mapping[str, Any]) -> set[str]:
    """Return the experiment of a trace that begins, which is deep within it."""
    level: list[Any] = [body]
    for step in _TRACE_PLACE:
        level = [
            value for one in level if isinstance(one, Mapping) for value in values_of(one, step)
        ]
    return {str(one) for one in level}


def _once(values: list[str], what: str) -> set[str]:
    if len(values) > 1:
        raise InvalidInput(f"this call of MLflow's names more than one {what}")
    return set(values)


def _with(one: str | None, others: set[str]) -> frozenset[str]:
    return frozenset(others if one is None else {one, *others})


def _parts(path: str) -> tuple[str, ...]:
    """Return the parts of an artifact's path, decoded as often as MLflow does it."""
    for _ in range(_MOST_DECODING):
        try:
            decoded = urlunparse(urlparse(unquote(path)))
        except ValueError as error:  # such as of a bracket where there would be a host
            raise InvalidInput(f"{path!r} is no path of an artifact: {error}") from error
        if decoded == path:
            return tuple(part for part in path.split("/") if part not in {"", "."})
        path = decoded
    raise InvalidInput("the path of this artifact is encoded too many times")
