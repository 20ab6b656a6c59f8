"""Requests that the service's own OpenAPI document allows or forbids, made up by Schemathesis.

A made-up name would be found nowhere, so that names in a path are those of what was seeded; all
else of a request is made up. The only claim: whatever comes, the service answers, and no answer
says that the fault is its own.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hypothesis
import schemathesis
from galley.service import API, PREFIX
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from tests.galley.service.platform import HOST, Platform, publish_request

USER = "carl"
ENDLESS = f"{API}/events"
"""A stream that has no end."""

COSTLY = ("/analyses", "/live", "/notebook", "/rehearsal", "/versions")
"""What reads or renders a notebook in a process of its own: fewer examples of them."""


EDGES = (
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59+14:00",
    "2026-11-20T08:00:00Z",
    "2200-01-01T00:00:00Z",
    "9999-12-31T23:59:59-12:00",
)

schemathesis.openapi.format(
    "date-time",
    st.sampled_from(EDGES) | st.datetimes().map(lambda at: f"{at.isoformat()}Z"),
)


@dataclass(frozen=True)
class Fault:
    """A request to which the service had no answer of its own."""

    request: str
    answer: str

    def __str__(self) -> str:
        return f"{self.request}\n  → {self.answer}"


def seeded(platform: Platform) -> Mapping[str, Sequence[object]]:
    """Put one of each thing into the platform; return parameter of a path → its names."""

    def post(path: str, body: Any) -> dict[str, Any]:
        answer = platform.post(path, body, USER)
        assert answer.status_code < 300, answer.text
        return dict(answer.json())

    pipeline = "/tenants/playground/pipelines/daily-report"
    reviewed = post(
        "/tenants/cardiology/pipelines/daily-report/versions", publish_request(name="Reviewed")
    )
    platform.run_through("cardiology", USER)
    version = post(f"{pipeline}/versions", publish_request(schedule={"cron": "@daily"}))
    platform.run_through("playground", USER)
    done = post(f"{pipeline}/runs", {})
    platform.run_through("playground")
    waiting = post(f"{pipeline}/runs", {})
    backfill = post(
        f"{pipeline}/backfills", {"start": "2026-11-01T00:00Z", "end": "2026-11-03T00:00Z"}
    )
    hook = post(f"{pipeline}/triggers", {"name": "hook", "source": {"type": "webhook"}})
    return {
        "tenant": ["playground", "cardiology"],
        "slug": ["daily-report"],
        "version_id": [reviewed["id"], version["id"]],
        "run_id": [done["id"], waiting["id"], reviewed["rehearsal_run"]],
        "backfill_id": [backfill["id"]],
        "hook_id": [hook["trigger"]["hook"].rpartition("/")[2]],
        "number": [1, 2, 2**40, 2**70],
        "task": ["daily_report", "main"],
        "host": ["playground@one"],
    }


def faults(platform: Platform, *, examples: int, seed: int | None = None) -> list[Fault]:
    """Send about ``examples`` made-up requests of each kind to each route; return what broke.

    Args:
        seed: None: always the same requests.
    """
    names = seeded(platform)
    headers = platform.as_user(USER)
    document = platform.client.get(f"{PREFIX}/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    found: list[Fault] = []
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if operation.path == ENDLESS:
            continue
        few = max(1, examples // 6) if operation.path.endswith(COSTLY) else examples
        modes = [GenerationMode.POSITIVE]
        if operation.body or operation.query:
            modes.append(GenerationMode.NEGATIVE)
        for mode in modes:
            cases = operation.as_strategy(generation_mode=mode)
            _try(platform, cases, names, headers, found, few, seed)
    return found


def _try(
    platform: Platform,
    cases: st.SearchStrategy[Case[Any]],
    names: Mapping[str, Sequence[object]],
    headers: Mapping[str, str],
    found: list[Fault],
    examples: int,
    seed: int | None,
) -> None:
    @hypothesis.settings(
        max_examples=examples,
        derandomize=seed is None,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=cases, data=st.data())
    def one(case: Case[Any], data: st.DataObject) -> None:
        for name in case.path_parameters:
            if name in names:
                case.path_parameters[name] = data.draw(st.sampled_from(names[name]))
        found.extend(_fault(platform, case, headers))

    (one if seed is None else hypothesis.seed(seed)(one))()


def _fault(platform: Platform, case: Case[Any], headers: Mapping[str, str]) -> list[Fault]:
    sent = case.as_transport_kwargs(base_url=HOST)
    sent["headers"] = {**sent.get("headers", {}), **headers}
    del sent["cookies"]
    if "data" in sent:
        sent["content"] = sent.pop("data")
    shown = {key: value for key, value in sent.items() if key not in {"headers", "method", "url"}}
    request = f"{sent['method']} {sent['url']} {shown}"
    try:
        answer = platform.client.request(**sent)
    except Exception:
        return [Fault(request, traceback.format_exc(limit=-4))]
    return [Fault(request, answer.text)] if answer.status_code >= 500 else []
