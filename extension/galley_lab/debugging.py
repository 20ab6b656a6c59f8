"""Debugging a run in this server: told first, written when the person wants it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from galley.client import Client
from galley.client.debugging import Workbench
from galley.domain.debug import DebugPlan
from galley.domain.model import Model
from galley.errors import InvalidInput
from jupyter_core.paths import jupyter_data_dir
from jupyter_server.services.contents.manager import ContentsManager
from pydantic import Field

from galley_lab.base import BridgeHandler
from galley_lab.service import Service


class DebugBody(Model):
    """Which attempt's task to debug.

    Attributes:
        write: False tells what it means; True writes it.
        replace: write over what an earlier time wrote.
    """

    run: UUID
    attempt: int = Field(ge=1)
    task: str | None = Field(default=None, max_length=200)
    write: bool = False
    replace: bool = False


class Debugging:
    """Fetches notebooks of runs and writes them below the server's root folder."""

    def __init__(
        self,
        contents: ContentsManager,
        service: Service,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._contents = contents
        self._service = service
        self._environment = environment

    async def debug(self, body: DebugBody) -> DebugPlan:
        """Tell what debugging means here, or do it.

        Raises:
            PublicError: the service refuses, the folder is there, or there is no root folder.
        """
        root = getattr(self._contents, "root_dir", None)
        if not root:
            raise InvalidInput("This server keeps its files in no folder: nothing can be written.")
        return await asyncio.to_thread(self._debug, Path(str(root)), body)

    def _debug(self, root: Path, body: DebugBody) -> DebugPlan:
        found = self._service.connection
        with Client(found.url, found.token) as client:
            kit = client.debug_kit(body.run, body.attempt, task=body.task)
        bench = Workbench(root, self._environment, kernels=Path(jupyter_data_dir()) / "kernels")
        if not body.write:
            return bench.plan(kit)
        return bench.write(kit, replace=body.replace)


class DebugHandler(BridgeHandler):
    """Debugs a run in this server."""

    def initialize(self, service: Service, debugging: Debugging | None = None) -> None:
        """Take what :func:`galley_lab.bridge.load` has built."""
        super().initialize(service)
        assert debugging is not None
        self.debugging = debugging

    async def post(self) -> None:
        """Answer with the plan, written or not."""
        plan = await self.debugging.debug(self.body(DebugBody))
        self.write_json(plan.model_dump_json())
