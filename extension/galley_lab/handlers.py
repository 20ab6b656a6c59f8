"""The bridge's routes: for the signed-in user of this server, to the service with its token."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from galley.domain.model import Model
from galley.domain.slugs import check_slug
from galley.domain.split import SplitLayout
from pydantic import Field
from tornado import web

from galley_lab.base import BridgeHandler
from galley_lab.live import expression
from galley_lab.notebooks import SavedNotebooks
from galley_lab.service import Service


class NotebookBody(Model):
    """Which saved notebook it is about."""

    path: str = Field(min_length=1, max_length=1000)


class AnalyseBody(NotebookBody):
    """Which saved notebook to read, and how its author arranges its cells into tasks."""

    layout: SplitLayout | None = None


class PublishBody(NotebookBody):
    """Which saved notebook to publish, under which name, and what the dialog says about it."""

    slug: str
    request: dict[str, Any]


class ConnectionHandler(BridgeHandler):
    """Tells the front end which tenant it works for, or why there is none."""

    async def get(self) -> None:
        """Answer with ``{tenant}``."""
        self.write_json(json.dumps({"tenant": self.service.connection.tenant}))


class FingerprintHandler(BridgeHandler):
    """Hands the front end what a live kernel evaluates for its state to be compared."""

    async def get(self) -> None:
        """Answer with a Python expression, around the source that a rehearsal's kernel runs."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.finish(expression())


class NotebookHandler(BridgeHandler):
    """A route about a saved notebook."""

    def initialize(self, service: Service, notebooks: SavedNotebooks | None = None) -> None:
        """Take what :func:`galley_lab.bridge.load` has built."""
        super().initialize(service)
        assert notebooks is not None
        self.notebooks = notebooks


class AnalyseHandler(NotebookHandler):
    """What reading a saved notebook tells."""

    changes = False

    async def post(self) -> None:
        """Answer with the Analysis of the notebook with its local modules."""
        body = self.body(AnalyseBody)
        collected = await self.notebooks.collect(body.path, body.layout)
        self.write_json(collected.analysis.model_dump_json())


class PublishHandler(NotebookHandler):
    """Publishes a saved notebook with its local modules."""

    async def post(self) -> None:
        """Answer with what the service says: the new Version, or its refusal."""
        body = self.body(PublishBody)
        check_slug(body.slug, field="slug")
        collected = await self.notebooks.collect(body.path)
        request = {
            **body.request,
            "notebook": collected.notebook,
            "modules": collected.modules,
            "source_path": body.path,
        }
        tenant = quote(self.service.connection.tenant, safe="")
        self.request.headers["Content-Type"] = "application/json"
        await self.relay(
            "POST",
            f"tenants/{tenant}/pipelines/{body.slug}/versions",
            body=json.dumps(request).encode(),
        )


class ServiceHandler(BridgeHandler):
    """Passes everything else on as it comes."""

    async def pass_on(self, path: str) -> None:
        """Pass a request on; ``path`` is what tornado has unquoted, the request's own is sent."""
        request = self.request
        quoted = request.path.partition("/galley/api/v1/")[2] or path
        await self.relay(request.method or "GET", quoted, query=request.query, body=request.body)

    get = head = post = put = patch = delete = pass_on


class UnknownHandler(BridgeHandler):
    """Says that there is no such route."""

    async def get(self) -> None:
        """Refuse."""
        raise web.HTTPError(404, f"There is no route {self.request.path!r}.")
