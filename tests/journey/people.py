"""People, each with a browser session of their own, over plain HTTP."""

from __future__ import annotations

from typing import Any

import httpx

from tests.journey.platform import Platform

SERVICE = "/services/galley"


class Person:
    """A signed-in user of the service's pages and API.

    Args:
        platform: where to sign in.
        name: a demo account.
        password: default is the one that was generated for it.
    """

    def __init__(self, platform: Platform, name: str, password: str | None = None) -> None:
        self.name = name
        self.http = httpx.Client(base_url=platform.url, follow_redirects=True, timeout=60)
        page = self.http.get("/hub/login")
        page.raise_for_status()
        answer = self.http.post(
            "/hub/login?next=/services/galley/",
            data={
                "username": name,
                "password": password or platform.passwords[name],
                "_xsrf": self.http.cookies.get("_xsrf", path="/hub/") or "",
            },
        )
        answer.raise_for_status()
        self.http.get(f"{SERVICE}/").raise_for_status()

    @property
    def xsrf(self) -> str:
        """The service's XSRF token of this session."""
        return self.http.cookies.get("_galley_xsrf") or ""

    def get(self, path: str, **query: Any) -> httpx.Response:
        """GET a path of the API."""
        return self.http.get(f"{SERVICE}/api/v1{path}", params=query)

    def post(self, path: str, body: Any = None) -> httpx.Response:
        """POST to a path of the API, with the XSRF header a page would send."""
        return self.http.post(
            f"{SERVICE}/api/v1{path}", json=body, headers={"X-XSRFToken": self.xsrf}
        )

    def token(self, note: str) -> str:
        """Return a new personal token, made as the hub's token page makes one."""
        home = self.http.get("/hub/token")
        xsrf = next(
            cookie.value
            for cookie in self.http.cookies.jar
            if cookie.name == "_xsrf" and cookie.path == "/hub/"
        )
        answer = self.http.post(
            f"/hub/api/users/{self.name}/tokens",
            json={"note": note},
            headers={"X-XSRFToken": xsrf or "", "Referer": str(home.url)},
        )
        answer.raise_for_status()
        return str(answer.json()["token"])

    def close(self) -> None:
        """End the connection; the session stays."""
        self.http.close()
