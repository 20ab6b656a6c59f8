"""One service for a test: real store, real routes, a table of tokens in place of the hub."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from galley.domain.settings import Settings
from galley.domain.tenants import SERVER_TOKEN_ACTIONS, Action, Tenants, scope
from galley.domain.work import Assignment
from galley.errors import Unavailable
from galley.notebook import limited as reading
from galley.notebook.limited_process import ReadingLimits, ask
from galley.project import limited as building
from galley.service import API, INTERNAL, MLFLOW_PREFIX, PREFIX, xsrf
from galley.service.app import create_app
from galley.service.auth import SignedIn, SignIn
from galley.service.context import Context
from galley.store import Store, tokens
from galley.store.tokens import HostIdentity
from galley.vault import make_keys
from httpx import Response

from tests.galley.stores import empty_database

SECRET = b"test-secret"
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HOST = "http://galley.test"
PROFILE = {"display_name": "Small", "cpu": 1, "memory": "1 GiB"}
TENANTS = {
    "tenants": {
        "oncology": {
            "display_name": "Oncology",
            "members": {
                "ada": ["data-scientist"],
                "lea": ["lead"],
                "max": ["mle"],
                "olga": ["operator"],
                "rita": ["auditor"],
            },
            "profiles": {
                "cpu-small": PROFILE,
                "gpu": {**PROFILE, "display_name": "GPU", "gpus": 64},
            },
        },
        "cardiology": {
            "display_name": "Cardiology",
            "members": {"carl": ["data-scientist", "lead", "mle", "operator"]},
            "profiles": {"cpu-small": PROFILE},
        },
        "playground": {
            "display_name": "Playground",
            "members": {"ada": ["data-scientist"], "carl": ["data-scientist"]},
            "profiles": {"cpu-small": PROFILE},
            "review": {"gates": []},
            "require_isolation": False,
        },
    }
}


class TableOfTokens:
    """Answers for the hub from a table, as the hub's API would; it may be told to be away."""

    def __init__(self, prefix: str, cookie_name: str) -> None:
        self.prefix = prefix
        self.cookie_name = cookie_name
        self.models: dict[str, dict[str, Any]] = {}
        self.codes: dict[str, str] = {}
        self.states: dict[str, str] = {}
        self.away = False

    def add(self, token: str, user: str, scopes: set[str]) -> None:
        self.models[token] = {"kind": "user", "name": user, "scopes": sorted(scopes)}

    async def model_for(self, token: str, *, session: str = "") -> dict[str, Any] | None:
        self._answer()
        return self.models.get(token)

    async def begin(self, next_url: str) -> SignIn:
        state = f"state-{len(self.states)}"
        self.states[state] = next_url
        return SignIn(f"/hub/api/oauth2/authorize?state={state}", state)

    async def finish(self, code: str, state: str) -> SignedIn:
        self._answer()
        return SignedIn(self.codes[code], self.states.pop(state))

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("JupyterHub does not answer: try again in a moment")


class LauncherThatOnlyNotes:
    """Notes which hosts were asked for and starts none: tests play the host."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.fails_for: str | None = None

    def ensure_tenant_host(self, tenant: str) -> None:
        if tenant == self.fails_for:
            raise OSError("no room for another process")
        self.asked.append((tenant,))

    def start_rehearsal_host(self, tenant: str, author: str, run_id: UUID, attempt: int) -> None:
        self.asked.append((tenant, author, f"{run_id}-{attempt}"))

    def adopt(self) -> None:
        self.asked.append(("adopt",))


@dataclass
class Clock:
    """A clock that a test moves."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Platform:
    """A service and those who use it."""

    app: FastAPI
    client: TestClient
    store: Store
    hub: TableOfTokens
    mlflow_hub: TableOfTokens
    launcher: LauncherThatOnlyNotes
    clock: Clock
    settings: Settings
    tenants: Tenants

    @property
    def context(self) -> Context:
        context: Context = self.app.state.context
        return context

    def as_user(
        self, user: str, *, server_of: str | None = None, actions: set[Action] | None = None
    ) -> dict[str, str]:
        """Return the headers of a personal token, or of the token of a server of a tenant."""
        token = f"{user}-{server_of}-" + ".".join(sorted(actions or []))
        scopes = set()
        for name, tenant in self.tenants.of(user).items():
            allowed = tenant.actions_of(user) & (actions or set(Action))
            if server_of is not None:
                allowed = allowed & SERVER_TOKEN_ACTIONS if name == server_of else frozenset()
            scopes |= {scope(action, name) for action in allowed}
        if server_of is not None:
            scopes.add(f"access:servers!server={user}/{server_of}")
        for hub in (self.hub, self.mlflow_hub):
            hub.add(token, user, scopes)
        return {"Authorization": f"Bearer {token}"}

    def in_browser(self, user: str) -> dict[str, str]:
        """Return the headers that our page sends: session cookie and XSRF token."""
        token = self.as_user(user)["Authorization"].removeprefix("Bearer ")
        proof = xsrf.xsrf_token(SECRET, token)
        return {
            "Cookie": f"{self.hub.cookie_name}={token}; {xsrf.COOKIE}={proof}",
            xsrf.HEADER: proof,
            "Origin": HOST,
            "Referer": f"{HOST}{PREFIX}/",
            "Sec-Fetch-Site": "same-origin",
        }

    def get(self, path: str, user: str = "ada", **params: Any) -> Response:
        answer: Response = self.client.get(API + path, headers=self.as_user(user), params=params)
        return answer

    def post(self, path: str, body: Any = None, user: str = "ada", **headers: str) -> Response:
        sent = {**self.as_user(user), **headers}
        answer: Response = self.client.post(API + path, headers=sent, json=body)
        return answer

    def publish(
        self, slug: str = "daily-report", tenant: str = "oncology", **changes: Any
    ) -> dict[str, Any]:
        answer = self.post(
            f"/tenants/{tenant}/pipelines/{slug}/versions", publish_request(**changes)
        )
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def as_host(self, tenant: str, author: str | None = None) -> dict[str, str]:
        """Return the headers of a worker host."""
        identity = HostIdentity(tenant=tenant, author=author)
        secret = self.store.write(lambda s: tokens.mint_host(s, identity, self.clock()))
        return {"Authorization": f"Bearer {secret}"}

    def lease(self, tenant: str, author: str | None = None) -> Assignment | None:
        """Lease as a host of the tenant, without waiting."""
        answer = self.client.post(
            f"{INTERNAL}/leases",
            headers=self.as_host(tenant, author),
            json={"host": f"{tenant if author is None else 'rehearsal-1'}@test", "wait_s": 0},
        )
        if answer.status_code == 204:
            return None
        assert answer.status_code == 200, answer.text
        return Assignment.model_validate(answer.json())

    def report(self, assignment: Assignment, what: str, **body: Any) -> Response:
        """Report to the service as the assignment's runner."""
        answer: Response = self.client.post(
            f"{INTERNAL}/attempts/{assignment.attempt}/{what}",
            headers={"Authorization": f"Bearer {assignment.run_token}"},
            json={"fencing": assignment.fencing, **body},
        )
        return answer

    def upload(self, assignment: Assignment, task: str, notebook: dict[str, Any]) -> Response:
        answer: Response = self.client.put(
            f"{INTERNAL}/attempts/{assignment.attempt}/tasks/{task}/notebook",
            headers={"Authorization": f"Bearer {assignment.run_token}"},
            content=json.dumps(notebook),
        )
        return answer

    def run_through(
        self,
        tenant: str,
        author: str | None = None,
        state: str = "succeeded",
        *,
        used: Sequence[tuple[float, int, float]] = (),
        **outcome: Any,
    ) -> Assignment:
        """Play the host for the next run of the tenant: lease, start, upload, end.

        Args:
            used: (seconds since now, memory in MiB, CPU time in seconds) of its task.
        """
        assignment = self.lease(tenant, author)
        assert assignment is not None, "nothing to lease"
        assert self.report(assignment, "start").status_code == 200
        task = assignment.pipeline.replace("-", "_")
        reports = [{"name": task, "state": state, "cell": 2, "cells": 2}]
        points = [
            {
                "task": task,
                "at": (self.clock() + timedelta(seconds=at)).isoformat(),
                "memory": memory * 2**20,
                "cpu_s": cpu_s,
            }
            for at, memory, cpu_s in used
        ]
        beat = self.report(
            assignment, "heartbeat", tasks=reports, log="hello\n", log_offset=0, used=points
        )
        assert beat.status_code == 200, beat.text
        assert self.upload(assignment, task, executed_notebook()).status_code == 204
        ended = self.report(
            assignment,
            "outcome",
            state=state,
            tasks=reports,
            duration_s=1.5,
            cells=2,
            log_offset=6,
            log="bye\n",
            **outcome,
        )
        assert ended.status_code == 200, ended.text
        return assignment

    def approved(self, slug: str = "daily-report") -> dict[str, Any]:
        """Publish, rehearse and approve a version in oncology; return it."""
        version = self.publish(slug)
        self.run_through("oncology", "ada")
        for user, gate in (("lea", "lead"), ("max", "mle")):
            answer = self.post(
                f"/versions/{version['id']}/decisions",
                {"gate": gate, "verdict": "approve", "digest": version["digest"]},
                user,
            )
            assert answer.status_code == 200, answer.text
        return dict(answer.json())


def notebook(code: str = "x = alpha + 1", parameters: str = "alpha = 1") -> dict[str, Any]:
    def cell(kind: str, source: str, **more: Any) -> dict[str, Any]:
        extra: dict[str, Any] = (
            {} if kind == "markdown" else {"outputs": [], "execution_count": None}
        )
        return {"cell_type": kind, "metadata": {}, "source": source, **extra, **more}

    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            cell("markdown", "# Daily report", id="a"),
            cell("code", parameters, id="b", metadata={"tags": ["parameters"]}),
            cell("code", code, id="c"),
        ],
    }


def executed_notebook() -> dict[str, Any]:
    done = notebook()
    html = "<b id='out'>result</b><script>top.stolen = 1</script>"
    done["cells"][2]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "two\n"},
        {"output_type": "display_data", "metadata": {}, "data": {"text/html": html}},
    ]
    return done


def publish_request(**changes: Any) -> dict[str, Any]:
    return {"notebook": notebook(), "name": "Daily report", **changes}


def ask_once(module: str, what: str, request: Mapping[str, Any], limits: ReadingLimits) -> Any:
    """Start no second process for a question: nothing but the question decides the answer."""
    return json.loads(_answer(module, what, json.dumps(request), limits))


@lru_cache(256)
def _answer(module: str, what: str, request: str, limits: ReadingLimits) -> str:
    return json.dumps(ask(module, what, json.loads(request), limits))


@contextmanager
def running_platform(
    home: Path, *, background: bool = False, lifespan: bool = True
) -> Iterator[Platform]:
    """Yield a service on an empty store.

    Args:
        background: run the loops.
        lifespan: run what reads events in the client's own loop; not when a real server does.
    """
    settings = Settings(
        home=home,
        tenants_file=home / "tenants.yaml",
        hub_port=1,
        proxy_api_port=2,
        service_port=3,
        isolation="full",
    )
    settings.service_state.mkdir(mode=0o700, parents=True)
    settings.secrets.mkdir(mode=0o700, exist_ok=True)
    make_keys(settings.secret_keys)
    database = settings.service_state / "galley.db"
    database.write_bytes(empty_database())
    store = Store(f"sqlite:///{database}")
    tenants = Tenants.model_validate(TENANTS)
    hub = TableOfTokens(PREFIX, "service-galley")
    mlflow_hub = TableOfTokens(MLFLOW_PREFIX, "service-mlflow")
    launcher, clock = LauncherThatOnlyNotes(), Clock()
    app = create_app(
        settings,
        tenants=lambda: tenants,
        store=store,
        launcher=launcher,
        hub=hub,
        mlflow_hub=mlflow_hub,
        secret=SECRET,
        clock=clock,
        background=background,
    )
    client = TestClient(app, base_url=HOST, follow_redirects=False)
    platform = Platform(app, client, store, hub, mlflow_hub, launcher, clock, settings, tenants)
    try:
        with (
            patch.object(reading, "ask", ask_once),
            patch.object(building, "ask", ask_once),
            client if lifespan else nullcontext(),
        ):
            yield platform
    finally:
        store.close()


class _Server(uvicorn.Server):
    """uvicorn in a thread of the test, which keeps the signals."""

    def install_signal_handlers(self) -> None:
        """Do nothing."""


@contextmanager
def served(platform: Platform) -> Iterator[str]:
    """Serve a platform that runs without lifespan on a real port; yield its address."""
    config = uvicorn.Config(platform.app, port=0, log_level="warning", timeout_graceful_shutdown=1)
    server = _Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def eventually(condition: Callable[[], Any], within_s: float = 20) -> Any:
    """Return the first true value of ``condition``; fail when there is none in time."""
    until, pause = time.monotonic() + within_s, threading.Event()
    while not (value := condition()):
        assert time.monotonic() < until, "it did not happen in time"
        pause.wait(0.02)
    return value
