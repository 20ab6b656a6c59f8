"""What a live kernel answers, and that it does not notice that it was asked."""

from __future__ import annotations

import ast
import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from galley_lab.live import expression
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager


@pytest.fixture(scope="module")
def kernel() -> Iterator[BlockingKernelClient]:
    """A kernel as a notebook has one."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def ask(kernel: BlockingKernelClient, code: str, **expressions: str) -> dict[str, Any]:
    """Execute a cell, or only expressions, and return the reply's content."""
    message = kernel.execute(code, silent=not code, user_expressions=expressions)
    while True:
        reply = kernel.get_shell_msg(timeout=60)
        if reply["parent_header"].get("msg_id") == message:
            content: dict[str, Any] = reply["content"]
            return content


def test_a_kernel_tells_what_it_holds_and_what_ran(kernel: BlockingKernelClient) -> None:
    ask(kernel, "x = [1, 2]\ny = x")
    before = ask(kernel, "x")["execution_count"]
    names = {"names": "sorted(globals())", "last": "(_, sorted(Out), len(In))"}
    seen = ask(kernel, "", **names)["user_expressions"]
    value = ask(kernel, "", told=expression())["user_expressions"]["told"]
    assert value["status"] == "ok", value
    told = json.loads(base64.b64decode(ast.literal_eval(value["data"]["text/plain"])))
    assert set(told["snapshot"]["names"]) == {"x", "y"}
    assert told["snapshot"]["aliases"] == [["x", "y"]]
    assert told["history"][1:] == ["x = [1, 2]\ny = x", "x"]
    after = ask(kernel, "", **names)
    assert after["user_expressions"] == seen
    assert ask(kernel, "1")["execution_count"] == before + 1
