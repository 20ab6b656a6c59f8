"""Where the driver, which is behind no walls, puts an executed notebook."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from galley.run.executor import _place


@pytest.fixture
def task(tmp_path: Path) -> Any:
    """One of Ploomber's, as far as it is looked at."""
    (tmp_path / "project" / "output").mkdir(parents=True)
    (tmp_path / "executed.ipynb").write_text("mine")
    return SimpleNamespace(
        nb_product_key="nb",
        product=tmp_path / "project" / "output" / "fit.ipynb",
        _converter=SimpleNamespace(convert=lambda: None),
    )


def test_an_executed_notebook_takes_the_place_of_what_is_there(task: Any, tmp_path: Path) -> None:
    for text in ("first", "second"):
        (tmp_path / "executed.ipynb").write_text(text)
        _place(task, tmp_path / "executed.ipynb", tmp_path / "project")
        assert task.product.read_text() == text
    assert [path.name for path in task.product.parent.iterdir()] == ["fit.ipynb"]


def test_a_link_that_another_task_makes_in_this_moment_is_not_followed(
    task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = tmp_path / "host"
    host.write_text("kept")
    unlink, name = Path.unlink, uuid.uuid4()

    def exchanged(path: Path, *, missing_ok: bool = False) -> None:
        unlink(path, missing_ok=missing_ok)
        path.symlink_to(host)

    monkeypatch.setattr(Path, "unlink", exchanged)
    _place(task, tmp_path / "executed.ipynb", tmp_path / "project")
    assert (host.read_text(), task.product.read_text()) == ("kept", "mine")
    monkeypatch.setattr(uuid, "uuid4", lambda: name)
    task.product.with_name(f".fit.ipynb.{name.hex}.new").symlink_to(host)
    with pytest.raises(FileExistsError):
        _place(task, tmp_path / "executed.ipynb", tmp_path / "project")
    assert host.read_text() == "kept"
