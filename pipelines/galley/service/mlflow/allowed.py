"""Which of MLflow's routes a tenant may reach, and what each asks of the caller.

Found by reading the route table of MLflow 3.17. A route that is not named here is closed. Closed on
purpose: workspaces (they are the borders between tenants), gateway and secrets, webhooks (the
server would call addresses of the tenant's choosing), jobs, scorers, assistant, demo, promptlab and
MCP servers (they start work inside the server), presigned and multipart uploads (the store is a
local folder), and the artifacts of traces (their location is a tag that the caller may set).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Need(StrEnum):
    """What a route asks of the caller."""

    READ = "read"
    WRITE = "write"
    REGISTRY = "registry"


class Of(StrEnum):
    """What a route that writes changes; by it a request says which one (:mod:`.targets`)."""

    NEW_EXPERIMENT = "new experiment"
    EXPERIMENT = "experiment"
    WITHIN = "something new in an experiment"
    SPANS = "spans"
    RUN = "run"
    MODEL = "logged model"
    TRACE = "trace"
    DATASET = "dataset"
    FILE = "artifact by its path"
    UPLOAD = "artifact by its run"
    REGISTERED = "registered model"


@dataclass(frozen=True)
class Route:
    """One allowed route.

    Attributes:
        pattern: of the path; what is written to is in groups of it.
        artifact: it answers with content that a notebook wrote.
        of: what it changes; None: nothing.
        makes: it makes something that has tags.
    """

    need: Need
    methods: frozenset[str]
    pattern: re.Pattern[str]
    artifact: bool = False
    of: Of | None = None
    makes: bool = False


def _routes(
    need: Need,
    methods: str,
    *paths: str,
    artifact: bool = False,
    of: Of | None = None,
    makes: bool = False,
) -> list[Route]:
    names = frozenset(methods.split())
    return [Route(need, names, re.compile(_expand(path)), artifact, of, makes) for path in paths]


def _expand(path: str) -> str:
    path = path.replace("{2}", "/(?:ajax-)?api/2[.]0/mlflow").replace(
        "{3}", "/(?:ajax-)?api/3[.]0/mlflow"
    )
    path = path.replace("{artifacts}", "/(?:ajax-)?api/2[.]0/mlflow-artifacts/artifacts")
    path = path.replace("<id>", "[^/]+").replace("<file>", "(?P<file>.+)")
    return re.sub(r"(?<!\?P)<(\w+)>", r"(?P<\1>[^/]+)", path)


_READS = [
    *_routes(Need.READ, "GET", "/", "/static-files/.+", "/version", "/health"),
    *_routes(Need.READ, "GET POST", "/graphql"),
    *_routes(Need.READ, "GET", "{3}/server-info", "{3}/ui-telemetry"),
    *_routes(
        Need.READ,
        "GET",
        "{2}/artifacts/list",
        "{2}/experiments/(?:get|get-by-name|search)",
        "{2}/logged-models/<id>",
        "{2}/logged-models/<id>/artifacts/directories",
        "{2}/metrics/get-history(?:-bulk|-bulk-interval)?",
        "{2}/model-versions/(?:get|get-download-uri|search)",
        "{2}/registered-models/(?:get|search|alias|get-latest-versions)",
        "{2}/runs/get",
        "{2}/traces",
        "{2}/traces/<id>/info",
        "{3}/datasets/(?:search|<id>|<id>/records|<id>/experiment-ids)",
        "{3}/traces/(?:get|batchGet|<id>)",
        "{3}/traces/<id>/assessments/<id>",
    ),
    *_routes(
        Need.READ,
        "POST",
        "{2}/experiments/search(?:-datasets)?",
        "{2}/logged-models/search",
        "{2}/registered-models/get-latest-versions",
        "{2}/runs/search",
        "{3}/datasets/search",
        "{3}/issues/search",
        "{3}/traces/(?:search|metrics|calculate-filter-correlation|batchGetInfos)",
    ),
    *_routes(
        Need.READ,
        "GET",
        "/get-artifact",
        "/model-versions/get-artifact",
        "{2}/logged-models/<id>/artifacts/files",
        "{artifacts}",
        "{artifacts}/.+",
        artifact=True,
    ),
]

_WRITES = [
    *_routes(Need.WRITE, "POST", "{2}/experiments/create", of=Of.NEW_EXPERIMENT),
    *_routes(Need.WRITE, "POST", "{2}/experiments/(?:delete|restore|update)", of=Of.EXPERIMENT),
    *_routes(Need.WRITE, "POST", "{2}/runs/create", "{2}/logged-models", of=Of.WITHIN, makes=True),
    *_routes(
        Need.WRITE,
        "POST",
        "{2}/experiments/(?:set|delete)-experiment-tag",
        "{2}/traces",
        "{2}/traces/delete-traces",
        "{3}/datasets/create",
        "{3}/traces",
        "{3}/traces/delete-traces",
        of=Of.WITHIN,
    ),
    *_routes(Need.WRITE, "POST", "/v1/traces", of=Of.SPANS),
    *_routes(
        Need.WRITE,
        "POST",
        "{2}/runs/(?:delete|restore|update|outputs)",
        "{2}/runs/(?:set-tag|delete-tag)",
        "{2}/runs/log-(?:batch|inputs|metric|model|parameter)",
        "{2}/traces/link-to-run",
        of=Of.RUN,
    ),
    *_routes(Need.WRITE, "POST", "{2}/logged-models/<model>/params", of=Of.MODEL),
    *_routes(
        Need.WRITE,
        "PATCH",
        "{2}/logged-models/<model>",
        "{2}/logged-models/<model>/tags",
        of=Of.MODEL,
    ),
    *_routes(
        Need.WRITE,
        "DELETE",
        "{2}/logged-models/<model>",
        "{2}/logged-models/<model>/tags/<id>",
        of=Of.MODEL,
    ),
    *_routes(Need.WRITE, "POST", "{3}/traces/<trace>/assessments", of=Of.TRACE),
    *_routes(
        Need.WRITE,
        "PATCH",
        "{2}/traces/<trace>",
        "{2}/traces/<trace>/tags",
        "{3}/traces/<trace>/tags",
        "{3}/traces/<trace>/assessments/<id>",
        of=Of.TRACE,
    ),
    *_routes(
        Need.WRITE,
        "DELETE",
        "{2}/traces/<trace>/tags",
        "{3}/traces/<trace>/tags",
        "{3}/traces/<trace>/assessments/<id>",
        of=Of.TRACE,
    ),
    *_routes(
        Need.WRITE,
        "POST",
        "{3}/datasets/<dataset>/(?:records|add-experiments|remove-experiments)",
        of=Of.DATASET,
    ),
    *_routes(Need.WRITE, "PATCH", "{3}/datasets/<dataset>/tags", of=Of.DATASET),
    *_routes(
        Need.WRITE,
        "DELETE",
        "{3}/datasets/<dataset>",
        "{3}/datasets/<dataset>/(?:records|tags/<id>)",
        of=Of.DATASET,
    ),
    *_routes(Need.WRITE, "PUT DELETE", "{artifacts}/<file>", of=Of.FILE),
    *_routes(Need.WRITE, "POST", "{2}/upload-artifact", of=Of.UPLOAD),
]

_REGISTRY = [
    *_routes(
        Need.REGISTRY,
        "POST",
        "{2}/model-versions/create",
        "{2}/registered-models/create",
        of=Of.REGISTERED,
        makes=True,
    ),
    *_routes(
        Need.REGISTRY,
        "POST",
        "{2}/model-versions/(?:set-tag|transition-stage)",
        "{2}/registered-models/(?:alias|rename|set-tag)",
        of=Of.REGISTERED,
    ),
    *_routes(
        Need.REGISTRY,
        "PATCH",
        "{2}/model-versions/update",
        "{2}/registered-models/update",
        of=Of.REGISTERED,
    ),
    *_routes(
        Need.REGISTRY,
        "DELETE",
        "{2}/model-versions/(?:delete|delete-tag)",
        "{2}/registered-models/(?:alias|delete|delete-tag)",
        of=Of.REGISTERED,
    ),
    *_routes(Need.REGISTRY, "POST", "{2}/traces/link-prompts", of=Of.WITHIN),
]

_SHIPPING = [
    *_routes(Need.READ, "GET", "{2}/experiments/get-by-name"),
    *_routes(Need.READ, "POST", "{2}/runs/search"),
    *_routes(
        Need.WRITE,
        "POST",
        "{2}/experiments/create",
        "{2}/runs/(?:create|update|delete|delete-tag|log-batch|log-inputs)",
    ),
    *_routes(Need.WRITE, "PUT", "{artifacts}/.+"),
]
"""What sends the outboxes of attempts, and nothing else: what a worker host's own token is for."""

ALLOWED = (*_READS, *_WRITES, *_REGISTRY)


def route_of(method: str, path: str) -> Route | None:
    """Return the allowed route that ``path`` (below the tenant's prefix) is; None: it is closed."""
    if any(part in {".", ".."} for part in path.split("/")) or "\\" in path or "\0" in path:
        return None
    method = "GET" if method == "HEAD" else method
    for route in ALLOWED:
        if method in route.methods and route.pattern.fullmatch(path):
            return route
    return None


def ships(method: str, path: str) -> bool:
    """Return whether a worker host needs this route to send what its tasks logged."""
    return any(method in route.methods and route.pattern.fullmatch(path) for route in _SHIPPING)
