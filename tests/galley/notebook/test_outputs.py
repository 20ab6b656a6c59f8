"""Comparing what two executions of a cell put out."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from galley.notebook.outputs import compare, count, differences
from PIL import Image


def printed(text: str | list[str], name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(kind: str = "display_data", **data: Any) -> dict[str, Any]:
    mimes = {key.replace("__", "+").replace("_", "/", 1): value for key, value in data.items()}
    return {"output_type": kind, "metadata": {}, "data": mimes}


def picture(
    *points: tuple[int, int], size: tuple[int, int] = (8, 8), mode: str = "RGB", level: int = 9
) -> dict[str, Any]:
    image = Image.new(mode, size)
    for point in points:
        image.putpixel(point, 200 if mode != "RGB" else (200, 0, 0))
    content = io.BytesIO()
    image.save(content, "PNG", compress_level=level)
    return shown(image_png=base64.b64encode(content.getvalue()).decode())


def test_equal_outputs_do_not_differ() -> None:
    outputs = [printed("a\n"), shown(text_plain="1"), picture((1, 1))]
    assert compare(outputs, outputs) == []
    assert count(outputs) == 3


def test_streams_are_joined_and_read_as_a_terminal_shows_them() -> None:
    pieces = [printed("50%\r"), printed("careful\n", "stderr"), printed(["100%\n", "done"])]
    assert compare(pieces, [printed("100%\ndone"), printed("careful\n", "stderr")]) == []
    assert count(pieces) == 2


def test_a_changed_line_is_named_and_not_shown() -> None:
    (message,) = compare([printed("a\nsecret\nc\n")], [printed("a\nother\nd\n")])
    assert message == "printed text differs in line 2 and in 1 more"


def test_a_line_less_is_said() -> None:
    (message,) = compare([printed("a\nb\n")], [printed("a\n")])
    assert message == "printed text has 1 line where there were 2 lines"


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([shown(text_plain="1")], [], "output 1 (text/plain) is missing"),
        ([], [printed("x", "stderr")], "text printed to stderr is there in addition"),
        (
            [shown(text_plain="1", text_html="<b>1</b>")],
            [shown(text_plain="1")],
            "output 1 (text/html) is missing",
        ),
        (
            [shown(text_html="<td>1</td>")],
            [shown(text_html="<td>2</td>")],
            "output 1 (text/html) differs in line 1",
        ),
        (
            [{"output_type": "error", "ename": "KeyError", "evalue": "'a'", "traceback": []}],
            [{"output_type": "error", "ename": "KeyError", "evalue": "'b'", "traceback": []}],
            "output 1 (error) differs in line 2",
        ),
    ],
)
def test_what_differs_is_named(first: Any, second: Any, message: str) -> None:
    assert compare(first, second) == [message]


def test_the_order_of_outputs_counts() -> None:
    one, two = shown(text_plain="1"), shown(text_plain="2")
    assert len(compare([one, two], [two, one])) == 2


def test_how_a_cell_was_run_does_not_count() -> None:
    first = {**shown("execute_result", text_plain="1"), "execution_count": 3}
    second = {**shown("execute_result", text_plain="1"), "execution_count": 9, "metadata": {"a": 1}}
    assert compare([first], [second]) == []


def test_a_figure_is_compared_by_its_pixels() -> None:
    assert picture((1, 1), level=0) != picture((1, 1), level=9)
    assert compare([picture((1, 1), level=0)], [picture((1, 1), level=9)]) == []
    (message,) = compare([picture((1, 1))], [picture((1, 1), (2, 2))])
    assert message == "output 1 (image/png) differs in 1 of 64 pixels"
    (message,) = compare([picture()], [picture(size=(9, 8))])
    assert message == "output 1 (image/png) has 9 × 8 pixels where it had 8 × 8"


def test_a_figure_of_sixteen_bits_loses_none_of_them() -> None:
    deep = [picture((1, 1), mode="I;16"), picture((1, 1), (2, 2), mode="I;16")]
    assert compare([deep[0]], [deep[1]]) == ["output 1 (image/png) differs in its pixels"]


def test_a_broken_figure_is_compared_by_its_bytes() -> None:
    broken = shown(image_png=base64.b64encode(b"no picture").decode())
    assert compare([broken], [broken]) == []
    (message,) = compare([broken], [picture()])
    assert "could not be decoded" in message


def test_json_is_compared_with_its_types() -> None:
    plot = {"data": [1, 2.0], "uid": "7f9c24e5-1a2b-4c3d-8e9f-0123456789ab"}
    other = {"uid": "11111111-2222-4333-9444-555555555555", "data": [1, 2.0]}
    mime = "application/vnd.plotly.v1+json"
    first, second = ({"output_type": "display_data", "data": {mime: one}} for one in (plot, other))
    assert compare([first], [second]) == []
    third = {"output_type": "display_data", "data": {mime: {**other, "data": [1, 2]}}}
    assert compare([first], [third]) == [f"output 1 ({mime}) differs"]


def test_the_id_of_a_widget_is_left_out() -> None:
    mime = "application/vnd.jupyter.widget-view+json"
    first, second = (
        {"output_type": "display_data", "data": {mime: {"model_id": one, "version_major": 2}}}
        for one in ("aa", "bb")
    )
    assert compare([first], [second]) == []
    full, other = (
        {"output_type": "display_data", "data": {mime: {"model_id": "aa", "content": [one]}}}
        for one in ({"value": 3, "outputs": ["at 0x7f0000000000"]}, {"value": 4, "outputs": []})
    )
    same = {"value": 3, "outputs": ["at 0x7f1111111111"]}
    again = {"output_type": "display_data", "data": {mime: {"model_id": "b", "content": [same]}}}
    assert compare([full], [again]) == []
    assert compare([full], [other]) == [f"output 1 ({mime}) differs"]


def test_a_drawing_is_compared_without_its_ids() -> None:
    first, second, third = (
        shown(image_svg__xml=f'<svg><path id="{one}" d="{path}"/></svg>')
        for one, path in (("a", "M0"), ("b", "M0"), ("a", "M1"))
    )
    assert compare([first], [second]) == []
    assert compare([first], [third]) == ["output 1 (image/svg+xml) is drawn differently"]


def test_the_clock_is_left_out_within_the_runs() -> None:
    window = (datetime(2026, 11, 21, 9, tzinfo=UTC), datetime(2026, 11, 21, 10, tzinfo=UTC))
    first, second = [printed("2026-11-21 09:01:02 INFO")], [printed("2026-11-21 09:03:02 INFO")]
    assert compare(first, second, window=window) == []
    assert compare(first, second) == ["printed text differs in line 1"]


def test_a_line_that_changes_anyway_is_unstable_and_its_neighbours_are_not() -> None:
    first, again = [printed("0.1\nrows 9\n")], [printed("0.2\nrows 9\n")]
    (only,) = differences(first, [printed("0.3\nrows 9\n")], again=again)
    assert (only.what, only.unstable) == ("stdout", True)
    (both,) = differences(first, [printed("0.3\nrows 8\n")], again=again)
    assert not both.unstable
    (longer,) = differences(first, [printed("0.3\nrows 9\nmore\n")], again=again)
    assert not longer.unstable


def test_what_is_stable_by_itself_counts() -> None:
    (found,) = differences([printed("1")], [printed("2")], again=[printed("1")])
    assert not found.unstable


def test_an_output_that_is_not_always_there_is_unstable() -> None:
    (found,) = differences([printed("x")], [], again=[])
    assert found.unstable
    (missing,) = differences([printed("x")], [], again=[printed("y")])
    assert not missing.unstable


def test_a_random_figure_keeps_its_size() -> None:
    first, again = [picture((1, 1))], [picture((2, 2))]
    (noise,) = differences(first, [picture((3, 3))], again=again)
    assert noise.unstable
    (size,) = differences(first, [picture(size=(4, 4))], again=again)
    assert not size.unstable


def test_random_json_is_unstable() -> None:
    first, again, other = ([shown(application_json={"a": one})] for one in (1, 2, 3))
    (found,) = differences(first, other, again=again)
    assert found.unstable
