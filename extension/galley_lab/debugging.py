"""Debugging a run in this server: told first, written when the person wants it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from galley.client import Client
from galley.client.debugging import Workbench
from galley.domain.debug import DebugKit, DebugPlan
from galley.domain.model import Model
from galley.errors import InvalidInput, Unavailable
from jupyter_core.paths import jupyter_data_dir
from jupyter_server.services.contents.manager import ContentsManager
from pydantic import Field

from galley_lab.base import BridgeHandler
from galley_lab.service import Service

LAST = 2000
"""Characters of a complaint that are shown."""


class DebugBody(Model):
    """Which attempt's task to debug.

    Attributes:
        write: False tells what it means; True writes it.
        replace: write over what an earlier time wrote.
        environment: make the run's own environment first, where it is not here.
    """

    run: UUID
    attempt: int = Field(ge=1)
    task: str | None = Field(default=None, max_length=200)
    write: bool = False
    replace: bool = False
    environment: bool = False


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
        kit = await asyncio.to_thread(self._kit, body)
        bench = Workbench(
            Path(str(root)), self._environment, kernels=Path(jupyter_data_dir()) / "kernels"
        )
        plan = await asyncio.to_thread(bench.plan, kit)
        if body.environment and not plan.same_environment:
            await self._make_environment(kit.lock.text)
            plan = await asyncio.to_thread(bench.use_environment, kit)
        if not body.write:
            return plan
        return await asyncio.to_thread(bench.write, kit, replace=body.replace)

    def _kit(self, body: DebugBody) -> DebugKit:
        found = self._service.connection
        with Client(found.url, found.token) as client:
            return client.debug_kit(body.run, body.attempt, task=body.task)

    async def _make_environment(self, lock: str) -> None:
        """Have the command line make it: it takes minutes, and this process serves meanwhile."""
        with tempfile.TemporaryDirectory(prefix="galley-debug-") as folder:
            file = Path(folder) / "requirements.lock"
            file.write_text(lock, encoding="utf-8")
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "galley.cli", "environment", str(file), "--json"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(self._environment),
            )
            _, complaint = await process.communicate()
        if process.returncode != 0:
            why = complaint.decode("utf-8", "replace").strip().removeprefix("galley: ")
            raise Unavailable(f"The environment of the run cannot be made here: {why[-LAST:]}")


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
