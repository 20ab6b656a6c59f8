"""A small MLflow REST client for the runner: few calls, each bounded in time.

MLflow's own client retries for minutes while its server is away and imports for a second. This
one raises :class:`TrackingUnavailable` after a few seconds, and the run goes on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import httpx

from galley.domain.model import Model
from galley.errors import GalleyError

TIMEOUT_S = 4.0
WORKSPACE_HEADER = "X-MLFLOW-WORKSPACE"
MAX_PARAM = 6000
MAX_TAG = 5000
_BATCH = 100


class TrackingUnavailable(GalleyError):
    """MLflow did not answer, or refused; ``reason`` says how.

    Attributes:
        status: of the answer; None: there was none.
        code: MLflow's own name of the error; None: it was not MLflow that answered.
        reached: whether the request may have had an effect.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        code: str | None = None,
        reached: bool = True,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.code = code
        self.reached = reached


class TrackingRefused(TrackingUnavailable):
    """MLflow is there and refused this one call; the next may succeed."""


class TrackedRun(Model):
    """One MLflow run, as far as we need it."""

    id: str
    experiment_id: str
    artifact_uri: str
    status: str
    metrics: dict[str, float]


class TrackingClient:
    """Calls the REST interface of one tenant's MLflow.

    Args:
        uri: address of the tenant's MLflow, without a trailing slash.
        token: bearer token of the task; None: it is MLflow itself that is asked.
        workspace: of the tenant, where it is MLflow itself that is asked.
        transport: for tests and unix sockets.
    """

    def __init__(
        self,
        uri: str,
        token: str | None,
        *,
        workspace: str | None = None,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(
            base_url=uri,
            headers={
                **({} if token is None else {"Authorization": f"Bearer {token}"}),
                **({} if workspace is None else {WORKSPACE_HEADER: workspace}),
            },
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 2.0)),
            transport=transport,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def experiment(self, name: str) -> str:
        """Return the id of the experiment ``name``, made where it is missing."""
        known = self.find_experiment(name)
        if known is not None:
            return known
        try:
            made = self._post("experiments/create", {"name": name})
            with _understood("experiments/create"):
                return str(made["experiment_id"])
        except TrackingUnavailable:
            # Somebody else may have made it between the two calls.
            known = self.find_experiment(name)
            if known is None:
                raise
            return known

    def find_experiment(self, name: str) -> str | None:
        """Return the id of the experiment ``name``, or None."""
        route = "experiments/get-by-name"
        found = self._call("GET", route, params={"experiment_name": name}, missing_ok=True)
        with _understood(route):
            return None if found is None else str(found["experiment"]["experiment_id"])

    def find(self, experiment_id: str, tags: Mapping[str, str]) -> TrackedRun | None:
        """Return the run of an experiment that carries all ``tags``, or None."""
        found = self.find_all(experiment_id, tags, limit=1)
        return found[0] if found else None

    def find_all(
        self, experiment_id: str, tags: Mapping[str, str], *, limit: int = 100
    ) -> list[TrackedRun]:
        """Return the runs of an experiment that carry all ``tags``."""
        conditions = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        answer = self._post(
            "runs/search",
            {"experiment_ids": [experiment_id], "filter": conditions, "max_results": limit},
        )
        with _understood("runs/search"):
            return [_run(run) for run in answer.get("runs", [])]

    def create(
        self,
        experiment_id: str,
        *,
        name: str,
        start_ms: int,
        tags: Mapping[str, str],
        user: str = "",
    ) -> TrackedRun:
        """Start a run and return it."""
        body = {
            "experiment_id": experiment_id,
            **({"user_id": user} if user else {}),
            "run_name": name,
            "start_time": start_ms,
            "tags": [{"key": key, "value": value[:MAX_TAG]} for key, value in tags.items()],
        }
        made = self._post("runs/create", body)
        with _understood("runs/create"):
            return _run(made["run"])

    def get(self, run_id: str) -> TrackedRun:
        """Return a run with its latest metrics."""
        found = self._call("GET", "runs/get", params={"run_id": run_id})
        with _understood("runs/get"):
            return _run(found["run"])

    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        at_ms: int = 0,
    ) -> None:
        """Log parameters, metrics and tags in as few calls as MLflow allows."""
        written = [
            {"key": key, "value": str(value)[:MAX_PARAM]} for key, value in (params or {}).items()
        ]
        measured = [
            {"key": key, "value": value, "timestamp": at_ms, "step": 0}
            for key, value in (metrics or {}).items()
            if math.isfinite(value)
        ]
        tagged = [{"key": key, "value": value[:MAX_TAG]} for key, value in (tags or {}).items()]
        for start in range(0, max(len(written), len(measured), len(tagged)), _BATCH):
            end = start + _BATCH
            body = {
                "run_id": run_id,
                "params": written[start:end],
                "metrics": measured[start:end],
                "tags": tagged[start:end],
            }
            self._post("runs/log-batch", body)

    def post(self, route: str, body: dict[str, Any]) -> None:
        """Call a route whose answer says nothing more, such as ``runs/log-batch``."""
        self._post(route, body)

    def end(self, run_id: str, *, status: str, end_ms: int) -> None:
        """Set the final status: ``FINISHED``, ``FAILED`` or ``KILLED``."""
        self._post("runs/update", {"run_id": run_id, "status": status, "end_time": end_ms})

    def made_a_model(self, run_id: str) -> bool:
        """Return whether a version of a registered model comes from the run."""
        query = {"filter": f"run_id = '{run_id}'", "max_results": "1"}
        return bool(self._call("GET", "model-versions/search", params=query).get("model_versions"))

    def upload(self, run: TrackedRun, name: str, content: Iterable[bytes], size: int) -> None:
        """Store an artifact of a run through MLflow's artifact proxy.

        Args:
            content: piece by piece; what it raises is passed on.
            size: of all pieces together, bytes.
        """
        scheme, _, path = run.artifact_uri.partition(":")
        if scheme != "mlflow-artifacts":
            raise TrackingUnavailable(
                f"artifacts of run {run.id} lie at {run.artifact_uri}, not behind MLflow's proxy"
            )
        self._send(
            "PUT",
            f"mlflow-artifacts/artifacts/{path.lstrip('/')}/{name}",
            content=content,
            headers={"Content-Length": str(size)},
            timeout=httpx.Timeout(30.0, connect=2.0),
        )

    def _post(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        # Half a pair of surrogates, as cut text has it, is no Unicode: a "?" arrives for it.
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        answer: dict[str, Any] = self._call(
            "POST",
            route,
            content=text.encode(errors="replace"),
            headers={"Content-Type": "application/json"},
        )
        return answer

    def _call(self, method: str, route: str, *, missing_ok: bool = False, **options: Any) -> Any:
        response = self._send(method, route, missing_ok=missing_ok, **options)
        if response is None:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise TrackingRefused(f"MLflow's answer to {route} is not JSON") from error

    def _send(
        self, method: str, route: str, *, missing_ok: bool = False, **options: Any
    ) -> httpx.Response | None:
        try:
            response = self._http.request(method, f"/api/2.0/{_prefixed(route)}", **options)
        except httpx.HTTPError as error:
            raise TrackingUnavailable(
                f"MLflow did not answer {route}: {type(error).__name__}: {error}",
                reached=not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)),
            ) from error
        if missing_ok and response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.is_error:
            away = response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
            raise (TrackingUnavailable if away else TrackingRefused)(
                f"MLflow refused {route}: {response.status_code} {response.text[:300]}",
                status=response.status_code,
                code=_code(response),
            )
        return response


@contextmanager
def _understood(route: str) -> Iterator[None]:
    """Take an answer that is not MLflow's for none: what was sent counts as not having arrived."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TrackingUnavailable(
            f"MLflow's answer to {route} makes no sense: {type(error).__name__} {error}"
        ) from error


def _code(response: httpx.Response) -> str | None:
    try:
        code = response.json().get("error_code")
    except (ValueError, AttributeError):
        return None
    return None if code is None else str(code)


def _prefixed(route: str) -> str:
    return route if route.startswith("mlflow-artifacts/") else f"mlflow/{route}"


def _run(body: dict[str, Any]) -> TrackedRun:
    info = body["info"]
    metrics: Sequence[dict[str, Any]] = body.get("data", {}).get("metrics", [])
    return TrackedRun(
        id=info["run_id"],
        experiment_id=info["experiment_id"],
        artifact_uri=info.get("artifact_uri", ""),
        status=info.get("status", "RUNNING"),
        metrics={
            metric["key"]: float(metric["value"])
            for metric in metrics
            if math.isfinite(float(metric["value"]))
        },
    )
