"""A kernel manager for nbclient whose client notices every reply.

jupyter_client sends on the socket beneath the asyncio one. A reply that arrives while something is
sent is then announced to nobody: whoever waits for it waits for ever. nbclient sends while it waits
wherever a notebook prints into an ``Output`` widget.
"""

from __future__ import annotations

import time
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.manager import AsyncKernelManager
from traitlets import Type

LOOK_AGAIN_S = 1.0


class _Channel(AsyncZMQSocketChannel):
    """A channel that looks again for what was not announced."""

    async def get_msg(  # type: ignore[override]
        self, timeout: float | None = None
    ) -> dict[str, Any]:
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = LOOK_AGAIN_S if until is None else max(0, until - time.monotonic())
            try:
                return await super().get_msg(min(left, LOOK_AGAIN_S))
            except Empty:
                if until is not None and time.monotonic() >= until:
                    raise


class _Client(AsyncKernelClient):
    shell_channel_class = Type(_Channel)


class KernelManager(AsyncKernelManager):
    """jupyter_client's own but for its client."""

    client_factory = Type(_Client)
