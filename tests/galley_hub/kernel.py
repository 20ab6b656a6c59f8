"""A kernel of a single-user server, driven over REST and its websocket as JupyterLab does."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
from websocket import WebSocket, create_connection

PATIENCE_S = 90


class Kernel:
    """One running kernel.

    Args:
        server: the server's address, with a trailing slash.
        token: a token that may access the server.
    """

    def __init__(self, server: str, token: str) -> None:
        headers = {"Authorization": f"token {token}"}
        made = httpx.post(f"{server}api/kernels", headers=headers, json={}, timeout=PATIENCE_S)
        assert made.status_code == 201, made.text
        address = f"{server}api/kernels/{made.json()['id']}/channels"
        self._socket: WebSocket = create_connection(
            address.replace("http://", "ws://"), timeout=PATIENCE_S, header=headers
        )

    def run(self, code: str) -> str:
        """Run a cell and return what it printed, or its error."""
        message = _execute(code)
        self._socket.send(json.dumps(message))
        printed = ""
        while True:
            reply = json.loads(self._socket.recv())
            if reply["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            content, kind = reply["content"], reply["msg_type"]
            if kind == "stream":
                printed += content["text"]
            elif kind == "error":
                printed += f"{content['ename']}: {content['evalue']}"
            elif kind == "status" and content["execution_state"] == "idle":
                return printed

    def close(self) -> None:
        """Close the connection; the kernel lives on."""
        self._socket.close()


def _execute(code: str) -> dict[str, Any]:
    return {
        "header": {
            "msg_id": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "session": uuid.uuid4().hex,
            "username": "",
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {},
        "content": {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
        },
        "channel": "shell",
        "buffers": [],
    }
