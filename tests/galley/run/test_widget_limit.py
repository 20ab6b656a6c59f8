"""Messages as ipywidgets sends them; no kernel is needed."""

from __future__ import annotations

from typing import Any

import pytest
from galley.run.widget_limit import WidgetLimit


class Widgets:
    """What a notebook gets of what its widgets tell."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.limit = WidgetLimit("fit", 20_000, self.said.append)

    def tell(
        self, comm: str, kind: str = "comm_msg", index: int = 3, buffer: bytes = b"", **state: Any
    ) -> dict[str, Any] | None:
        """Return what is kept of a state."""
        data = {"state": state, "buffer_paths": [["value"]] if buffer else []}
        message = {
            "msg_type": kind,
            "content": {"comm_id": comm, "data": data},
            "buffers": [buffer] if buffer else [],
        }
        taken = self.limit.take(message, index)
        if taken is None:
            return None
        assert bool(taken["buffers"]) is bool(taken["content"]["data"]["buffer_paths"])
        kept: dict[str, Any] = taken["content"]["data"]["state"]
        return kept

    def open(self, comm: str, **state: Any) -> dict[str, Any] | None:
        names: dict[str, Any] = {"_model_module": "m", "_model_name": "HTMLModel"}
        return self.tell(comm, "comm_open", **names, **state)


@pytest.fixture
def widgets() -> Widgets:
    return Widgets()


def test_what_has_no_state_of_a_widget_is_left_out(widgets: Widgets) -> None:
    """A comm may have any target, and say ``state`` of whatever it likes."""
    data: dict[str, Any] = {"state": "running"}
    for kind in ("comm_open", "comm_msg"):
        content = {"comm_id": "s", "data": data}
        message: dict[str, Any] = {"msg_type": kind, "content": content, "buffers": []}
        assert widgets.limit.take(message, 3) is None
    custom = {"msg_type": "comm_msg", "content": {"comm_id": "s", "data": {"x": 1}}, "buffers": []}
    assert widgets.limit.take(custom, 3) is custom


def test_what_is_replaced_does_not_count(widgets: Widgets) -> None:
    widgets.open("one", value="")
    for size in (15_000, 19_000, 15_000):
        assert widgets.tell("one", value="x" * size) == {"value": "x" * size}
    assert widgets.said == []


def test_what_is_large_is_left_out_and_the_log_says_so_once(widgets: Widgets) -> None:
    for comm in ("one", "two"):
        kept = widgets.open(comm, value="x" * 30_000, layout="IPY_MODEL_a")
        assert kept is not None
        assert kept.keys() == {"_model_module", "_model_name", "layout"}
    (said,) = widgets.said
    assert "a cell of task 'fit' has widgets with more than" in said


def test_buffers_count(widgets: Widgets) -> None:
    widgets.open("one")
    assert widgets.tell("one", buffer=b"x" * 30_000, value=1) == {"value": 1}
    assert len(widgets.said) == 1


def test_each_cell_has_room_of_its_own(widgets: Widgets) -> None:
    widgets.open("one", value="x" * 15_000)
    widgets.open("two")
    assert widgets.tell("two", value="x" * 15_000) == {}
    assert widgets.tell("two", value="x" * 15_000, index=4) == {"value": "x" * 15_000}
    assert widgets.tell("one", value="", index=4) == {"value": ""}  # which makes room above
    assert widgets.tell("one", other="x" * 15_000) == {"other": "x" * 15_000}


def test_the_number_of_widgets_is_limited(widgets: Widgets) -> None:
    opened = [comm for comm in map(str, range(1000)) if widgets.open(comm) is not None]
    assert 0 < len(opened) < 300
    assert widgets.tell("999", value=1) is None  # what was not made cannot change


def test_what_an_output_widget_takes_over_it_gives_back(widgets: Widgets) -> None:
    widgets.open("one", msg_id="")
    fills = [widgets.open(f"other {i}", value="x" * 1000) for i in range(30)]
    assert fills[-1] is None
    assert widgets.tell("one", msg_id="m", value="x" * 900) == {"msg_id": "m"}
    assert widgets.tell("one", msg_id="") == {"msg_id": ""}
    assert widgets.tell("one", msg_id="m" * 2000) is None
    assert widgets.tell("one", msg_id="") is None  # it took nothing over
