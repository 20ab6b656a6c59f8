"""Messages as a kernel sends them; no kernel is needed."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from galley.run.outputs import MAX_FILES, MAX_NAME, Outputs


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"msg_type": "stream", "content": {"name": name, "text": text}}


def display(kind: str = "display_data", **data: Any) -> dict[str, Any]:
    named = {mime.replace("_", "/"): value for mime, value in data.items()}
    return {"msg_type": kind, "content": {"data": named, "metadata": {"a": 1}}}


class Notebook:
    """What a notebook gets of the messages of its cells."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.outputs = Outputs(
            folder, "fit", lambda index: index - 1 if index else None, each=100, cell=150,
            say=self.said.append,
        )  # fmt: skip

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
        notebook.outputs.take({"msg_type": "clear_output", "content": {"wait": False}}, 3)
    assert notebook.files() == {}


def test_an_update_replaces_and_is_limited_alone(notebook: Notebook) -> None:
    update = display("update_display_data", text_plain="a" * 90)
    assert [notebook.outputs.take(update, 3) for _ in range(9)] == [update] * 9
    large = notebook.outputs.take(display("update_display_data", text_plain="a" * 101), 3)
    assert large is not None
    assert "left out" in large["content"]["data"]["text/plain"]


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
    error = {"ename": "E", "evalue": "v" * 200, "traceback": ["t" * 90, "u" * 90]}
    taken = notebook.outputs.take({"msg_type": "error", "content": error}, 0)
    assert taken is not None
    assert taken["content"]["evalue"] == "v" * 50
    assert "added-cell-1.error.txt" in taken["content"]["traceback"][1]
    (whole,) = notebook.files().values()
    assert whole == b"E\n" + b"v" * 200 + b"\n" + b"t" * 90 + b"\n" + b"u" * 90


def test_an_error_with_a_long_name_is_cut(notebook: Notebook) -> None:
    error = {"ename": "E" * 1000, "evalue": "v", "traceback": ["t"]}
    taken = notebook.outputs.take({"msg_type": "error", "content": error}, 3)
    assert taken is not None
    assert taken["content"]["ename"] == "E" * MAX_NAME
    assert notebook.files() == {"fit.cell-3.error.txt": b"E" * 1000 + b"\nv\nt"}


def test_the_number_of_files_is_limited(notebook: Notebook) -> None:
    large = display(text_plain="a" * 200)
    taken = [notebook.outputs.take(large, 3) for _ in range(MAX_FILES + 1)]
    assert taken[-1] is not None
    assert "it is not kept" in taken[-1]["content"]["data"]["text/plain"]
    assert len(notebook.files()) == MAX_FILES


def test_a_file_that_cannot_be_written_is_told_and_stops_nothing(notebook: Notebook) -> None:
    notebook.folder.write_text("in the way")
    assert "it could not be kept whole: File exists" in notebook.text("a" * 200)
    assert notebook.text("b" * 200) == ""
    assert notebook.said[0].startswith("an output of task 'fit' could not be kept whole")
