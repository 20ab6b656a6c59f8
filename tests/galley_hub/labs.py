"""A person's JupyterLab server over HTTP: start it, run code in one of its kernels."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import httpx
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.journey.people import Person
from tests.journey.platform import Platform
from tests.journey.waiting import until

CODE_S = 120


class Lab:
    """One person's server in one tenant.

    Args:
        token: of the person, with everything they may do.
    """

    def __init__(self, platform: Platform, person: Person, tenant: str) -> None:
        self.user, self.tenant = person.name, tenant
        self.token = person.token(f"lab of {person.name} in {tenant}")
        self.url = f"{platform.url}/user/{self.user}/{tenant}"
        self.hub = httpx.Client(
            base_url=f"{platform.url}/hub/api",
            headers={"Authorization": f"token {self.token}"},
            timeout=60,
        )
        self._kernel: str | None = None

    def ask_for(self, **options: Any) -> httpx.Response:
        """Ask the hub to start the server; return its answer."""
        return self.hub.post(f"/users/{self.user}/servers/{self.tenant}", json=options)

    def start(self, **options: Any) -> None:
        """Start the server and wait until it is ready."""
        self.ask_for(**options).raise_for_status()

        def ready() -> bool | None:
            servers = self.hub.get(f"/users/{self.user}").json()["servers"]
            return True if servers.get(self.tenant, {}).get("ready") else None

        until(ready, f"the server of {self.user} in {self.tenant}")
        headers = {"Authorization": f"token {self.token}"}
        made = httpx.post(f"{self.url}/api/kernels", headers=headers, json={}, timeout=60)
        made.raise_for_status()
        self._kernel = made.json()["id"]

    def run(self, code: str) -> str:
        """Run code in the kernel and return what it printed.

        Raises:
            AssertionError: the code raised.
        """
        return asyncio.run(asyncio.wait_for(self._run(code), CODE_S))

    async def _run(self, code: str) -> str:
        address = f"{self.url}/api/kernels/{self._kernel}/channels".replace("http", "ws", 1)
        request = HTTPRequest(address, headers={"Authorization": f"token {self.token}"})
        socket = await websocket_connect(request)
        message = _execute(code)
        await socket.write_message(json.dumps(message))
        printed = ""
        while True:
            received = await socket.read_message()
            assert received is not None, "the kernel's connection was closed"
            reply = json.loads(received)
            if reply["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            content = reply["content"]
            if reply["msg_type"] == "stream":
                printed += content["text"]
            elif reply["msg_type"] == "error":
                raise AssertionError("\n".join(content["traceback"]))
            elif reply["msg_type"] == "status" and content["execution_state"] == "idle":
                socket.close()
                return printed

    def close(self) -> None:
        """End the connection to the hub; the server stays."""
        self.hub.close()


def _execute(code: str) -> dict[str, Any]:
    return {
        "channel": "shell",
        "header": {
            "msg_id": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "username": "",
            "session": uuid.uuid4().hex,
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {},
        "content": {"code": code, "silent": False, "store_history": False},
    }
