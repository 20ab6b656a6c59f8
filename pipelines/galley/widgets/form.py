"""A form that starts a run of a pipeline."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets

from galley.client import Client
from galley.domain.parameters import ParameterSchema
from galley.domain.pipelines import Pipeline
from galley.errors import NotFound, PublicError
from galley.widgets.connection import connect
from galley.widgets.fields import fields_of
from galley.widgets.monitor import RunMonitor


class RunForm(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is untyped
    """Typed fields for the live version's parameters, a Run button, then the run itself.

    Args:
        pipeline: name in addresses (slug).
        tenant: default is this server's.
        client: default is this server's.

    Raises:
        NotFound: there is no such pipeline, or it has no live version.
    """

    def __init__(
        self, pipeline: str, *, tenant: str | None = None, client: Client | None = None
    ) -> None:
        self._connection = connect(client, tenant)
        found, schema = self._live(pipeline)
        self._pipeline = found.slug
        self._fields = fields_of(schema)
        self._button = ipywidgets.Button(description="Run", button_style="primary", icon="play")
        self._button.on_click(self._run)
        self._said = ipywidgets.HTML()
        self._below = ipywidgets.VBox()
        self.monitor: RunMonitor | None = None
        self._title = f"<b>{escape(found.name)}</b> · live v{found.live_version}"
        super().__init__(
            [
                ipywidgets.HTML(self._title),
                *self._rows(schema),
                self._button,
                self._said,
                self._below,
            ]
        )

    def _live(self, slug: str) -> tuple[Pipeline, ParameterSchema]:
        client, tenant = self._connection
        pipeline = client.pipeline(tenant, slug)
        if pipeline.live_version is None:
            raise NotFound(f"pipeline {slug!r} has no live version yet: publish it first.")
        version = client.version_numbered(tenant, slug, pipeline.live_version)
        return pipeline, version.analysis.parameters if version.analysis else ParameterSchema()

    def _rows(self, schema: ParameterSchema) -> list[ipywidgets.Widget]:
        return [
            ipywidgets.HBox(
                [
                    ipywidgets.Label(field.name, layout=ipywidgets.Layout(width="12em")),
                    field.widget,
                    ipywidgets.Label(schema.properties[field.name].get("description", "")),
                ]
            )
            for field in self._fields
        ]

    def values(self) -> dict[str, Any]:
        """Return what was entered, typed.

        Raises:
            InvalidInput: naming the parameter that is not of its type.
        """
        return {field.name: field.value() for field in self._fields}

    def _run(self, _button: object) -> None:
        client, tenant = self._connection
        try:
            run = client.start_run(tenant, self._pipeline, self.values())
        except PublicError as error:
            self._said.value = f"✗ {escape(error.detail)}"
            return
        self._said.value = ""
        if self.monitor is not None:
            self.monitor.stop()
        self.monitor = RunMonitor(run.id, client=client)
        self._below.children = (self.monitor,)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add what is shown where there is no kernel: the values, and the run if there is one."""
        bundle = super()._repr_mimebundle_(**options)
        if isinstance(bundle, dict):
            values = [f"{field.name} = {field.widget.value}" for field in self._fields]
            below = self.monitor.html() if self.monitor else self._said.value
            rows = "".join(f"<li>{escape(value)}</li>" for value in values)
            bundle["text/html"] = f"{self._title}<ul>{rows}</ul>{below}"
            bundle["text/plain"] = f"Form of {self._pipeline}: {', '.join(values)}"
        return bundle
