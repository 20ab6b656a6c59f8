"""Messages as a kernel sends them; no kernel is needed."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from galley.run.outputs import MAX_CUT, MAX_NAME, Outputs
from galley.run.redaction import Redactor
from galley.run.whole import MAX_FILES


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"msg_type": "stream", "content": {"name": name, "text": text}}


def display(
    kind: str = "display_data", shown: str = "", metadata: dict[str, Any] | None = None, **data: Any
) -> dict[str, Any]:
    named = {mime.replace("_", "/"): value for mime, value in data.items()}
    content = {"data": named, "metadata": metadata or {}, "transient": {"display_id": shown}}
    return {"msg_type": kind, "content": content}


def error(text: str, name: str = "E") -> dict[str, Any]:
    content = {"ename": name, "evalue": text, "traceback": [text]}
    return {"msg_type": "error", "content": content}


CLEAR = {"msg_type": "clear_output", "content": {"wait": False}}


class Notebook:
    """What a notebook gets of the messages of its cells."""

    def __init__(
        self,
        folder: Path,
        *,
        cell: int = 150,
        overhead: int = 0,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.outputs = Outputs(
            folder, "fit", lambda index: index - 1 if index else None, each=100, cell=cell,
            overhead=overhead, say=self.said.append, pieces=Redactor(secrets or {}).pieces,
        )  # fmt: skip

    def shown(self, message: dict[str, Any], index: int = 3, widget: str | None = None) -> str:
        """Return what is displayed of a message; empty: nothing is."""
        taken = self.outputs.take(message, index, widget)
        return "" if taken is None else str(taken["content"]["data"]["text/plain"])

    def text(self, *texts: str, index: int = 3, name: str = "stdout") -> str:
        taken = [self.outputs.take(stream(text, name), index) for text in texts]
        return "".join(one["content"]["text"] for one in taken if one is not None)

    def files(self) -> dict[str, bytes]:
        self.outputs.close()
        return {path.name: path.read_bytes() for path in sorted(self.folder.glob("*"))}


@pytest.fixture
def notebook(tmp_path: Path) -> Notebook:
    return Notebook(tmp_path / "outputs")


def test_what_fits_is_left_as_it_is(notebook: Notebook) -> None:
    messages = [stream("a" * 50), display(text_plain="b" * 40), {"msg_type": "status"}]
    assert [notebook.outputs.take(one, 3) for one in messages] == messages
    assert notebook.files() == {}


def test_text_is_cut_with_a_pointer_to_all_of_it(notebook: Notebook) -> None:
    shown = notebook.text("a" * 60, "b" * 60, "c" * 60)
    assert shown.startswith("a" * 60 + "b" * 40 + "\n[stdout is cut here, after 0.1 KiB; ")
    assert "'fit.cell-3.stdout.txt'" in shown
    assert "c" not in shown.replace("cut", "").replace("cell", "").replace("attempt", "")
    assert notebook.files() == {"fit.cell-3.stdout.txt": b"a" * 60 + b"b" * 60 + b"c" * 60}


def test_a_file_joins_no_value_of_what_came_in_parts(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "outputs", secrets={"db": "hunter2", "other": "correct horse"})
    notebook.text("a" * 90, "hun", "ter2" + "b" * 90, "correct ")
    notebook.text("50%", name="stderr")
    notebook.text("horse\n", "hunt")
    assert notebook.files() == {
        "fit.cell-3.stdout.txt": b"a" * 90 + b"[secret db]" + b"b" * 90 + b"[secret other]\nhunt"
    }


def test_nor_do_the_lines_of_what_has_no_room(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "outputs", cell=20, secrets={"db": "hunter2"})
    for _ in range(MAX_CUT):
        notebook.outputs.take(display(text_plain="x" * 5000), 3)
    for text, name in (("hun", "stdout"), ("50%", "stderr"), ("ter2", "stdout"), ("hu", "stdout")):
        notebook.outputs.take(stream(text, name), 3)
    lines = notebook.files()["fit.cell-3.outputs.jsonl"].decode().splitlines()
    assert [(json.loads(line)["name"], json.loads(line)["text"]) for line in lines] == [
        ("stderr", "50%"), ("stdout", "[secret db]"), ("stdout", "hu")
    ]  # fmt: skip


def test_no_character_is_halved(notebook: Notebook) -> None:
    assert notebook.text("x" + "ä" * 60).startswith("x" + "ä" * 49 + "\n[")


def test_all_outputs_of_a_cell_share_a_limit_and_the_next_cell_has_its_own(
    notebook: Notebook,
) -> None:
    assert notebook.text("a" * 100) == "a" * 100
    assert notebook.text("e" * 60, name="stderr").startswith("e" * 50 + "\n[stderr is cut here")
    assert notebook.text("b" * 90, index=4) == "b" * 90


def test_what_was_cleared_does_not_count(notebook: Notebook) -> None:
    for _ in range(9):
        assert notebook.text("a" * 90) == "a" * 90
        notebook.outputs.take(CLEAR, 3)
    assert notebook.files() == {}


def test_an_update_replaces_and_is_limited_alone(notebook: Notebook) -> None:
    update = display("update_display_data", text_plain="a" * 90)
    assert [notebook.outputs.take(update, 3) for _ in range(9)] == [update] * 9
    large = notebook.outputs.take(display("update_display_data", text_plain="a" * 101), 3)
    assert large is not None
    assert "left out" in large["content"]["data"]["text/plain"]


def test_what_a_display_is_updated_to_counts_in_its_cell(notebook: Notebook) -> None:
    for name in "ab":
        assert notebook.shown(display(text_plain="1", shown=name)) == "1"
    update = "update_display_data"
    for text in ("x" * 60, "y" * 80):  # the second replaces the first
        assert notebook.shown(display(update, "a", text_plain=text)) == text
    grown = display(update, "b", text_plain="z" * 60)
    assert "is left out here" in notebook.shown(grown, index=4)  # it is displayed above
    assert notebook.text("c" * 90, index=4) == "c" * 90


def test_a_display_that_was_cleared_is_updated_to_anything(notebook: Notebook) -> None:
    notebook.shown(display(text_plain="1", shown="a"))
    notebook.outputs.take(CLEAR, 3)
    for _ in range(9):
        assert notebook.shown(display("update_display_data", "a", text_plain="x" * 80))
    assert notebook.text("c" * 100) == "c" * 100


def test_what_is_cleared_by_the_next_output_counts_until_then(notebook: Notebook) -> None:
    update, later = "update_display_data", {"msg_type": "clear_output", "content": {"wait": True}}
    for name in "ab":
        notebook.shown(display(text_plain="1", shown=name))
    notebook.outputs.take(later, 3)
    assert notebook.shown(display(update, "a", text_plain="x" * 90)) == "x" * 90
    assert "left out" in notebook.shown(display(update, "b", text_plain="x" * 90))
    for _ in range(9):
        assert notebook.shown(display(text_plain="y" * 90)) == "y" * 90
        notebook.outputs.take(later, 3)


def test_an_output_widget_has_room_of_its_own_and_is_cleared_alone(notebook: Notebook) -> None:
    assert notebook.shown(display(text_plain="c" * 80)) == "c" * 80
    for _ in range(9):
        assert notebook.shown(display(text_plain="w" * 80), widget="one") == "w" * 80
        notebook.outputs.take(CLEAR, 3, "one")
    assert "left out" in notebook.shown(display(text_plain="c" * 80))


def test_large_metadata_is_left_out_with_its_output(notebook: Notebook) -> None:
    large = display(metadata={"big": "y" * 200}, text_plain="x")
    taken = notebook.outputs.take(large, 3)
    assert taken is not None
    assert taken["content"]["metadata"] == {}
    assert "(metadata) is left out here" in taken["content"]["data"]["text/plain"]
    (whole,) = notebook.files().values()
    assert json.loads(whole) == {"data": {"text/plain": "x"}, "metadata": {"big": "y" * 200}}


def test_the_number_of_outputs_is_limited_and_one_file_holds_the_rest(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path, cell=1100, overhead=100)
    shown = [notebook.shown(display(text_plain=str(i))) for i in range(50)]
    assert [one for one in shown if one][:-1] == [str(i) for i in range(9)]
    assert "has no room is left out; the whole is file 'fit.cell-3.outputs.jsonl'" in shown[9]
    rest = [json.loads(line) for line in notebook.files()["fit.cell-3.outputs.jsonl"].splitlines()]
    assert [one["data"]["text/plain"] for one in rest] == [str(i) for i in range(9, 50)]


def test_text_that_comes_in_pieces_counts_with_each_of_them(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path, cell=1100, overhead=100)
    pieces = [
        notebook.outputs.take(stream(".", name), 3)
        for _ in range(50)
        for name in ("stdout", "stderr")
    ]
    assert sum(one is not None for one in pieces) < 15
    assert {name: len(text) for name, text in notebook.files().items()} == {
        "fit.cell-3.stdout.txt": 50,
        "fit.cell-3.stderr.txt": 50,
    }


def test_many_large_outputs_share_one_file(notebook: Notebook) -> None:
    large = display(text_plain="a" * 200)
    shown = [notebook.shown(large) for _ in range(2 * MAX_CUT)]
    assert [bool(one) for one in shown] == [True] * (MAX_CUT + 1) + [False] * (MAX_CUT - 1)
    assert len(notebook.files()) == MAX_CUT + 1


def test_the_error_that_ends_a_cell_is_shown_however_many_were(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path, overhead=100)
    taken = [notebook.outputs.take(error(str(i)), 3) for i in range(3 * MAX_CUT)]
    assert [one for one in taken[MAX_CUT + 1 :] if one and one["msg_type"] == "error"] == []
    last = notebook.outputs.late(3)
    assert last is not None
    assert last["content"] == error(str(3 * MAX_CUT - 1))["content"]
    assert notebook.outputs.late(3) is None


def test_a_large_output_is_left_out_and_kept_as_what_it_is(notebook: Notebook) -> None:
    picture = bytes(range(256))
    taken = notebook.outputs.take(
        display(image_png=base64.b64encode(picture).decode(), text_plain="<Figure>"), 3
    )
    assert taken is not None
    assert set(taken["content"]["data"]) == {"text/plain"}
    assert "(image/png) is left out here" in taken["content"]["data"]["text/plain"]
    assert notebook.files() == {"fit.cell-3.output-1.png": picture}


def test_a_large_error_is_cut(notebook: Notebook) -> None:
    content = {"ename": "E", "evalue": "v" * 200, "traceback": ["t" * 90, "u" * 90]}
    taken = notebook.outputs.take({"msg_type": "error", "content": content}, 0)
    assert taken is not None
    assert taken["content"]["evalue"] == "v" * 50
    assert "added-cell-1.error.txt" in taken["content"]["traceback"][1]
    (whole,) = notebook.files().values()
    assert whole == b"E\n" + b"v" * 200 + b"\n" + b"t" * 90 + b"\n" + b"u" * 90


def test_an_error_with_a_long_name_is_cut(notebook: Notebook) -> None:
    taken = notebook.outputs.take(error("v", name="E" * 1000), 3)
    assert taken is not None
    assert taken["content"]["ename"] == "E" * MAX_NAME
    assert notebook.files() == {"fit.cell-3.error.txt": b"E" * 1000 + b"\nv\nv"}


def test_the_number_of_files_is_limited(notebook: Notebook) -> None:
    large = display(text_plain="a" * 200)
    shown = [notebook.shown(large, index) for index in range(MAX_FILES + 1)]
    assert "it is not kept" in shown[-1]
    assert len(notebook.files()) == MAX_FILES


def test_a_file_that_cannot_be_written_is_told_and_stops_nothing(notebook: Notebook) -> None:
    notebook.folder.write_text("in the way")
    assert "it could not be kept whole: File exists" in notebook.text("a" * 200)
    assert notebook.text("b" * 200) == ""
    assert notebook.said[0].startswith("an output of task 'fit' could not be kept whole")
