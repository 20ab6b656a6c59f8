"""A real proxy and a real hub in a home of their own, for tests that need no more than these."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from galley.domain.settings import Settings
from galley.domain.tenants_file import load
from galley.sandbox import processes
from galley.sandbox.capabilities import Capabilities, probe
from galley.supervisor import proxy
from galley.supervisor.credentials import make_tokens
from galley.supervisor.home import make_folders, open_home
from galley.supervisor.options import Options
from galley.supervisor.plan import child_specs, make_settings
from galley_hub.passwords import Passwords
from galley_hub.tenants import users

from tests.journey.platform import free_port

PATIENCE_S = 90


def until(condition: Callable[[], Any], what: str) -> Any:
    """Return the first true value of ``condition``, asked until ``PATIENCE_S`` are over."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.1)
    return value


class HubPlatform:
    """The proxy and the hub; ``service`` and ``mlflow`` are not started."""

    def __init__(
        self, home: Path, tenants: Path | None = None, capabilities: Capabilities | None = None
    ) -> None:
        open_home(home)
        options = Options(home=home, port=free_port(), tenants_file=tenants)
        self.settings: Settings = make_settings(options, home, capabilities or probe())
        make_folders(self.settings)
        make_tokens(self.settings)
        passwords = Passwords(self.settings.hub_state / "passwords.json")
        self.passwords = {
            user: Passwords.generate() for user in users(load(self.settings.tenants_file))
        }
        for user, password in self.passwords.items():
            passwords.set(user, password)
        self._specs = {spec.name: spec for spec in child_specs(self.settings, proxy.install(home))}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """The public address."""
        return self.settings.public_url

    def start(self, *names: str) -> None:
        """Start children and wait until they are ready."""
        for name in names or ("proxy", "hub"):
            spec = self._specs[name]
            with (self.settings.logs / f"{name}.log").open("ab") as log:
                self._running[name] = subprocess.Popen(
                    spec.argv, env=spec.env, cwd=spec.cwd, stdout=log, stderr=log
                )
            until(lambda spec=spec: spec.is_ready(), f"{name}: {self.log(name)[-3000:]}")  # type: ignore[misc]

    def end(self, name: str) -> None:
        """End one child as the supervisor would."""
        process = self._running.pop(name)
        process.terminate()
        process.wait(PATIENCE_S)

    def stop(self) -> None:
        """End everything, the servers that outlived the hub too."""
        for name in list(self._running):
            self.end(name)
        processes.stop_all(processes.saved(self.settings.run / "servers").values())

    def log(self, name: str) -> str:
        """Return what a process said."""
        return (self.settings.logs / f"{name}.log").read_text(errors="replace")

    def sign_in(self, user: str) -> httpx.Client:
        """Sign in over HTTP as a browser does and return the session."""
        client, answer = self.try_password(user, self.passwords[user])
        assert answer.is_redirect, answer.text
        return client

    def try_password(self, user: str, password: str) -> tuple[httpx.Client, httpx.Response]:
        """Send the sign-in form; return the session and the answer."""
        client = httpx.Client(base_url=self.url, follow_redirects=True, timeout=PATIENCE_S)
        client.get("/hub/login")
        form = {"username": user, "password": password, "_xsrf": _xsrf(client)}
        return client, client.post("/hub/login", data=form, follow_redirects=False)

    def api(self, session: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the hub's REST API in a browser session."""
        headers = {"X-XSRFToken": _xsrf(session), "Referer": f"{self.url}/hub/home"}
        return session.request(method, f"/hub/api{path}", headers=headers, **options)

    def spawn(
        self, session: httpx.Client, user: str, tenant: str, **options: Any
    ) -> httpx.Response:
        """Start a server and wait until it is ready; return the answer to the request."""
        path = f"/users/{user}/servers/{tenant}"
        answer = self.api(session, "POST", path, json=options)
        if answer.is_success:
            until(lambda: self._settled(session, user, tenant), f"server of {user} in {tenant}")
        return answer

    def _settled(self, session: httpx.Client, user: str, tenant: str) -> bool:
        server = self.api(session, "GET", f"/users/{user}").json()["servers"].get(tenant)
        return server is None or server["ready"]


def _xsrf(session: httpx.Client) -> str:
    return session.cookies.get("_xsrf", path="/hub/") or ""
