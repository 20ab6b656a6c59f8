"""What MLflow knows of the runs, models and experiments that a request writes to.

Where a run or a model lies, and whether an approved version's run made it, is said when it is made
and stays so: that is asked once. All else is asked each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from galley.errors import Conflict, Unavailable
from galley.service.mlflow.targets import APPROVED, KIND

MOST_KNOWN = 20_000
_PAGE = 1000
_PROMPT = "mlflow.prompt.is_prompt"
_ABSENT = frozenset({400, 404})

Ask = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]
"""``ask(tenant, method, route, params=…, body=…)``: the status of MLflow's answer and its JSON."""


@dataclass(frozen=True)
class Entity:
    """A run, a logged model or a trace.

    Attributes:
        experiment: id of the experiment that it is in.
        approved: an approved version's run made it.
    """

    experiment: str
    approved: bool


class Entities:
    """Asks MLflow; None stands for what is not there."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: OrderedDict[tuple[str, str], Entity] = OrderedDict()

    async def run(self, tenant: str, run: str) -> Entity | None:
        """Return a run, also one that is deleted."""
        return await self._once(tenant, run, self._run)

    async def model(self, tenant: str, model: str) -> Entity | None:
        """Return a logged model that is not deleted."""
        return await self._once(tenant, model, self._model)

    async def trace(self, tenant: str, trace: str) -> Entity | None:
        """Return a trace; it is as approved as the run that it comes of."""
        found = await self._get(tenant, f"3.0/mlflow/traces/{quote(trace, safe='')}")
        info = (found or {}).get("trace", {}).get("trace_info")
        if info is None:
            return None
        place = info.get("trace_location", {}).get("mlflow_experiment", {})
        run = info.get("trace_metadata", {}).get("mlflow.sourceRun", "")
        return Entity(str(place.get("experiment_id", "")), await self._is_approved(tenant, run))

    async def dataset(self, tenant: str, dataset: str) -> frozenset[str]:
        """Return the experiments that an evaluation dataset belongs to."""
        found = await self._get(
            tenant, f"3.0/mlflow/datasets/{quote(dataset, safe='')}/experiment-ids"
        )
        return frozenset(map(str, (found or {}).get("experiment_ids", ())))

    async def experiment_name(self, tenant: str, experiment: str) -> str | None:
        """Return the name that an experiment has now."""
        found = await self._get(tenant, "2.0/mlflow/experiments/get", experiment_id=experiment)
        return None if found is None else str(found["experiment"]["name"])

    async def is_deleted(self, tenant: str, run: str) -> bool:
        """Return whether a run is marked as deleted now."""
        found = await self._get(tenant, "2.0/mlflow/runs/get", run_id=run)
        return found is not None and found["run"]["info"]["lifecycle_stage"] == "deleted"

    async def has_approved_runs(self, tenant: str, experiment: str) -> bool:
        """Return whether an approved version logged to an experiment."""
        body = {
            "experiment_ids": [experiment],
            "filter": f"tags.`{KIND}` = '{APPROVED}'",
            "run_view_type": "ALL",
            "max_results": 1,
        }
        route = "2.0/mlflow/runs/search"
        status, found = await self._ask(tenant, "POST", route, body=body)
        return status not in _ABSENT and bool(_answered(route, status, found).get("runs"))

    async def registered_from(self, tenant: str, run: str) -> bool:
        """Return whether a version of a registered model comes of a run."""
        return bool(await self._versions(tenant, f"run_id = {_quoted(run)}", most=1))

    async def sources(self, tenant: str, one: str) -> list[str]:
        """Return where versions of registered models have their files in a run or logged model.

        Args:
            one: its id.
        """
        versions = await self._versions(tenant, f"source_path LIKE {_quoted(f'%{one}%')}")
        return [str(version["source"]) for version in versions]

    async def approved_runs_register(self, tenant: str, name: str) -> bool:
        """Return whether approved runs made a registered model, or a version of it.

        Raises:
            Conflict: there is no way to ask for a model of this name.
        """
        found = await self._get(tenant, "2.0/mlflow/registered-models/get", name=name)
        if found is None:
            return False
        tags = _tags(found["registered_model"])
        if tags.get(KIND) == APPROVED:
            return True
        prompts = f" AND tags.`{_PROMPT}` = 'true'" if _PROMPT in tags else ""
        for version in await self._versions(tenant, f"name = {_quoted(name)}{prompts}"):
            if _tags(version).get(KIND) == APPROVED:
                return True
            if await self._is_approved(tenant, version.get("run_id", "")):
                return True
        return False

    async def _once(
        self, tenant: str, one: str, find: Callable[[str, str], Awaitable[Entity | None]]
    ) -> Entity | None:
        key = (tenant, one)
        if (known := self._known.get(key)) is not None:
            self._known.move_to_end(key)
            return known
        found = await find(tenant, one)
        if found is not None:
            self._known[key] = found
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return found

    async def _run(self, tenant: str, run: str) -> Entity | None:
        found = await self._get(tenant, "2.0/mlflow/runs/get", run_id=run)
        if found is None:
            return None
        approved = _tags(found["run"].get("data", {})).get(KIND) == APPROVED
        return Entity(str(found["run"]["info"]["experiment_id"]), approved)

    async def _model(self, tenant: str, model: str) -> Entity | None:
        found = await self._get(tenant, f"2.0/mlflow/logged-models/{quote(model, safe='')}")
        if found is None:
            return None
        info = found["model"]["info"]
        approved = _tags(info).get(KIND) == APPROVED or await self._is_approved(
            tenant, info.get("source_run_id", "")
        )
        return Entity(str(info["experiment_id"]), approved)

    async def _is_approved(self, tenant: str, run: str) -> bool:
        found = await self.run(tenant, run) if run else None
        return found is not None and found.approved

    async def _versions(
        self, tenant: str, condition: str, most: int | None = None
    ) -> list[dict[str, Any]]:
        versions: list[dict[str, Any]] = []
        params = {"filter": condition, "max_results": str(most or _PAGE)}
        route = "2.0/mlflow/model-versions/search"
        while True:
            # Nothing found is an empty list: every other answer is none, and lets nobody through.
            found = _answered(route, *await self._ask(tenant, "GET", route, params=params))
            versions += found.get("model_versions", ())
            following = found.get("next_page_token")
            if not following or most is not None:
                return versions
            params["page_token"] = following

    async def _get(self, tenant: str, route: str, **params: str) -> dict[str, Any] | None:
        status, found = await self._ask(tenant, "GET", route, params=params)
        return None if status in _ABSENT else _answered(route, status, found)


def _answered(route: str, status: int, found: dict[str, Any]) -> dict[str, Any]:
    if status != 200:
        raise Unavailable(
            f"MLflow does not answer {route} at the moment ({status}), so it cannot be told "
            "whether this may be written: try again"
        )
    return found


def _tags(one: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in one.get("tags", ())}


def _quoted(text: str) -> str:
    """Return a text as MLflow's filters have it: they know no escape of a quotation mark."""
    for mark in ("'", '"'):
        if mark not in text and "\\" not in text:
            return f"{mark}{text}{mark}"
    what = "a backslash" if "\\" in text else "both quotation marks"
    raise Conflict(f"MLflow cannot be asked about {text!r}, which has {what} in it")
