"""The run monitor and the run form, against the real service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import ipywidgets
import pytest
from galley.client import Client
from galley.domain.parameters import ParameterSchema
from galley.errors import InvalidInput, NotFound, NotSignedIn
from galley.widgets import RunForm, RunMonitor
from galley.widgets.connection import connect
from galley.widgets.fields import fields_of

from tests.galley.service.platform import Platform, eventually, running_platform


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with running_platform(tmp_path / "home") as running:
        yield running


@pytest.fixture
def client(platform: Platform) -> Client:
    """A client with the token of ada's server in oncology, as a notebook has it."""
    headers = platform.as_user("ada", server_of="oncology")
    token = headers["Authorization"].removeprefix("Bearer ")
    transport: httpx.BaseTransport = platform.client._transport
    return Client("http://galley.test", token, http=transport)


def started(platform: Platform, client: Client) -> UUID:
    platform.approved()
    return client.start_run("oncology", "daily-report").id


def shown(widget: ipywidgets.Widget) -> str:
    bundle: dict[str, Any] = widget._repr_mimebundle_()
    return str(bundle["text/html"])


def test_a_monitor_follows_a_run_to_its_end(platform: Platform, client: Client) -> None:
    run = started(platform, client)
    monitor = RunMonitor(run, client=client)
    assert "… queued" in shown(monitor)
    platform.run_through("oncology", metrics={"auc": 0.93})
    eventually(lambda: monitor.run.state.ended)
    eventually(lambda: "✓ succeeded" in shown(monitor))
    page = shown(monitor)
    assert "Daily report" in page
    assert "cell 2 of 2" in page
    assert "hello\nbye" in page
    assert "<td>auc</td><td>0.93</td>" in page
    eventually(lambda: f"run {run}" not in {one.name for one in threading.enumerate()})


def test_a_monitor_shows_what_tasks_use(platform: Platform, client: Client) -> None:
    run = started(platform, client)
    platform.run_through("oncology", used=[(0, 64, 0.0), (2, 512, 2.0)])
    monitor = RunMonitor(run, client=client)
    assert "512 MiB, at most 512 MiB of 1 GiB" in shown(monitor)
    assert "2.0 s of CPU" in shown(monitor)
    monitor.refresh()
    usage = monitor._usage
    assert usage is not None
    assert [len(one.points) for one in usage.tasks] == [2], "a second look adds nothing twice"


def test_a_run_that_has_ended_needs_no_thread(platform: Platform, client: Client) -> None:
    run = started(platform, client)
    platform.run_through("oncology")
    monitor = RunMonitor(str(run), client=client)
    assert "✓ succeeded" in shown(monitor)
    assert "hello\nbye" in shown(monitor)
    assert not [thread for thread in threading.enumerate() if thread.name == f"run {run}"]


def test_a_stopped_monitor_keeps_what_it_shows(platform: Platform, client: Client) -> None:
    run = started(platform, client)
    monitor = RunMonitor(run, client=client)
    monitor.stop()
    eventually(lambda: f"run {run}" not in {one.name for one in threading.enumerate()})
    platform.run_through("oncology")
    assert "… queued" in shown(monitor)
    monitor.refresh()
    assert "✓ succeeded" in shown(monitor)


def test_what_a_notebook_printed_is_text(platform: Platform, client: Client) -> None:
    run = started(platform, client)
    assignment = platform.lease("oncology")
    assert assignment is not None
    platform.report(assignment, "start")
    script = "<script>alert(1)</script>\n"
    platform.report(assignment, "heartbeat", log=script, log_offset=0)
    page = shown(RunMonitor(run, client=client, live=False))
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_only_the_tail_of_a_log_is_shown(platform: Platform, client: Client) -> None:
    run = started(platform, client)
    assignment = platform.lease("oncology")
    assert assignment is not None
    platform.report(assignment, "start")
    text = "".join(f"line {number}\n" for number in range(40_000))
    platform.report(assignment, "heartbeat", log=text, log_offset=0)
    page = shown(RunMonitor(run, client=client, live=False))
    assert "line 39999" in page
    assert "line 39980" not in page


def test_an_unknown_run_is_refused(client: Client) -> None:
    with pytest.raises(NotFound):
        RunMonitor(uuid4(), client=client)


def test_a_form_starts_a_run_with_typed_values(platform: Platform, client: Client) -> None:
    platform.approved()
    form = RunForm("daily-report", tenant="oncology", client=client)
    assert form.values() == {"alpha": 1}
    (field,) = form._fields
    assert isinstance(field.widget, ipywidgets.IntText)
    field.widget.value = 7
    form._button.click()
    assert form.monitor is not None
    assert form.monitor.run.parameters == {"alpha": 7}
    assert client.runs("oncology").items[0].id == form.monitor.run.id
    form.monitor.stop()
    assert "Daily report" in shown(form)
    assert "alpha = 7" in shown(form)


def test_a_refused_run_is_told_in_the_form(platform: Platform, client: Client) -> None:
    platform.approved()
    form = RunForm("daily-report", tenant="oncology", client=client)
    form._fields[0].widget = ipywidgets.Text(value="many")
    form._button.click()
    assert "parameters.alpha" in form._said.value or "alpha" in form._said.value
    assert form._said.value.startswith("✗ ")
    assert form.monitor is None


def test_a_form_needs_a_live_version(platform: Platform, client: Client) -> None:
    with pytest.raises(NotFound):
        RunForm("daily-report", tenant="oncology", client=client)
    platform.publish()
    with pytest.raises(NotFound, match="no live version"):
        RunForm("daily-report", tenant="oncology", client=client)


def test_one_tenant_needs_no_naming(platform: Platform, client: Client) -> None:
    assert connect(client).tenant == "oncology"
    headers = platform.as_user("ada")
    transport: httpx.BaseTransport = platform.client._transport
    token = headers["Authorization"].removeprefix("Bearer ")
    with pytest.raises(InvalidInput, match="oncology, playground: pass tenant"):
        connect(Client("http://galley.test", token, http=transport))


def test_outside_of_the_platform_it_says_what_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("GALLEY_URL", "GALLEY_TOKEN", "JUPYTERHUB_API_TOKEN", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(NotSignedIn, match="galley login"):
        RunMonitor(uuid4())


SCHEMA = ParameterSchema(
    properties={
        "n": {"type": "integer", "default": 3},
        "rate": {"type": "number", "default": 0.5},
        "name": {"type": "string", "default": "a"},
        "deep": {"type": "boolean", "default": True},
        "kernel": {"enum": ["rbf", "linear"], "default": "linear"},
        "columns": {"type": "array", "default": ["x", "y"]},
        "limit": {"type": ["integer", "null"], "default": None},
        "since": {"type": "string", "format": "date", "default": "2026-03-02"},
        "depth": {"type": "integer", "default": 4, "minimum": 1, "maximum": 9, "x-step": 2},
        "share": {"type": "number", "default": 0.1, "maximum": 1, "multipleOf": 0.05},
        "level": {"enum": [1, 5, "5"], "x-labels": ["low", "high", "text"], "default": 5},
        "parts": {
            "type": "array",
            "items": {"type": "string", "enum": ["a", "b", "c"], "x-labels": ["A", "B", "C"]},
            "default": ["a", "c"],
        },
    }
)


def test_each_type_has_its_input() -> None:
    fields = {field.name: field for field in fields_of(SCHEMA)}
    kinds = {name: type(field.widget).__name__ for name, field in fields.items()}
    assert kinds == {
        "n": "IntText",
        "rate": "FloatText",
        "name": "Text",
        "deep": "Checkbox",
        "kernel": "Dropdown",
        "columns": "Text",
        "limit": "Text",
        "since": "DatePicker",
        "depth": "BoundedIntText",
        "share": "BoundedFloatText",
        "level": "Dropdown",
        "parts": "SelectMultiple",
    }
    values = {name: field.value() for name, field in fields.items()}
    assert values == SCHEMA.defaults()
    fields["columns"].widget.value = '["z"]'
    assert fields["columns"].value() == ["z"]
    fields["columns"].widget.value = "[z"
    with pytest.raises(InvalidInput, match="columns") as caught:
        fields["columns"].value()
    assert caught.value.field == "parameters.columns"


def test_an_input_offers_what_the_parameter_allows() -> None:
    widgets = {field.name: field.widget for field in fields_of(SCHEMA)}
    depth, share = widgets["depth"], widgets["share"]
    assert (depth.min, depth.max, depth.step) == (1, 9, 2)
    depth.value = 12
    assert depth.value == 9
    assert (share.max, share.step) == (1, 0.05)
    assert share.min < -1e300
    assert widgets["level"]._options_labels == ("low", "high", "text")
    assert widgets["parts"]._options_labels == ("A", "B", "C")
