"""Saved notebooks of this server: what of them is sent to the service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from galley.client import Client, collect_modules
from galley.client.modules import Collected
from galley.domain.split import SplitLayout
from galley.domain.versions import Analysis
from galley.errors import InvalidInput
from jupyter_core.utils import ensure_async
from jupyter_server.services.contents.manager import ContentsManager
from jupyter_server.utils import ApiPath, to_os_path

from galley_lab.service import Service


class SavedNotebooks:
    """Reads notebooks, and the local modules beside them, as they are saved.

    The contents manager decides what may be read; the file itself is sent, without the marks of
    trust that the manager adds to it.
    """

    def __init__(self, contents: ContentsManager, service: Service) -> None:
        self._contents = contents
        self._service = service

    async def collect(self, path: str, layout: SplitLayout | None = None) -> Collected:
        """Return the notebook at the server's ``path``, its local modules and its analysis.

        Args:
            layout: how its author arranges its cells into tasks; None for the proposal.

        Raises:
            HTTPError: the contents manager has no such file, or does not show it.
            PublicError: it is not a notebook, too large, or the service does not answer.
        """
        file = await self._file(path)
        return await asyncio.to_thread(self._read, file, path, layout)

    async def _file(self, path: str) -> Path:
        got = self._contents.get(path, content=False)  # type: ignore[no-untyped-call]
        model = await ensure_async(got)
        if model["type"] != "notebook":
            raise InvalidInput(f"{path!r} is a {model['type']}, not a notebook.", field="path")
        root = getattr(self._contents, "root_dir", None)
        if not root:
            raise InvalidInput(
                f"{path!r} does not lie in a folder of this server: only notebooks that do can be "
                "published, since the modules beside them are needed.",
                field="path",
            )
        return Path(to_os_path(ApiPath(path), str(root)))

    def _read(self, file: Path, path: str, layout: SplitLayout | None) -> Collected:
        found = self._service.connection
        with Client(found.url, found.token) as client:

            def analyse(notebook: dict[str, Any], modules: dict[str, str]) -> Analysis:
                return client.analyse(
                    found.tenant, notebook, modules, layout=layout, source_path=path
                )

            return collect_modules(file, analyse)
