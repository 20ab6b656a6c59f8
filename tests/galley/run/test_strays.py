"""What counts as changed beside the products of the tasks that run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from galley.run.strays import Strays, marks

PRODUCTS = {
    "load": frozenset({Path("output/load.csv")}),
    "fit": frozenset({Path("output/models")}),
    "report": frozenset({Path("output/report.ipynb")}),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("tasks/load.ipynb", "helpers.py", "data/given.csv"):
        write(tmp_path / name, "given")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def after_load(project: Path) -> Strays:
    """``load`` has ended well and ``fit`` runs."""
    strays = Strays(project, PRODUCTS)
    strays.begin("load")
    write(project / "output/load.csv", "1")
    assert strays.end("load") is None
    strays.begin("fit")
    return strays


@pytest.mark.parametrize(
    "name",
    [
        *("scratch.csv", ".cache/state", "output/other.csv"),
        *("data/given.csv", "helpers.py", "output/load.csv", "output/report.ipynb"),
    ],
)
def test_a_file_written_beside_the_own_products_is_one(project: Path, name: str) -> None:
    strays = after_load(project)
    write(project / name, "written")
    assert strays.end("fit") == Path(name)


def test_a_change_that_hides_its_time_and_size_is_one(project: Path) -> None:
    strays = after_load(project)
    given, clock = project / "data/given.csv", project.with_name(f"{project.name}-clock")
    before = given.stat()
    clock.touch()
    while clock.stat().st_ctime_ns == before.st_ctime_ns:  # files see the time in small steps
        clock.write_text("")
    given.write_text("GIVEN")
    os.utime(given, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert strays.end("fit") == Path("data/given.csv")


@pytest.mark.parametrize(
    "change",
    [
        lambda project: (project / "helpers.py").unlink(),
        lambda project: (project / "helpers").symlink_to(project / "data"),
    ],
    ids=["removed", "linked"],
)
def test_what_is_gone_or_a_link_is_one(project: Path, change: Callable[[Path], None]) -> None:
    strays = after_load(project)
    change(project)
    assert str(strays.end("fit")).startswith("helpers")


@pytest.mark.parametrize(
    "name",
    [
        *("output/models/a/b.bin", "output/.load.csv.metadata"),
        *(".ipynb_checkpoints/load.ipynb", "__pycache__/helpers.pyc"),
        *(f"output/.models.{'0' * 32}.new/b.bin", f"output/.load.csv.{'a' * 32}.old"),
    ],
)
def test_products_and_what_the_platform_leaves_are_none(project: Path, name: str) -> None:
    strays = after_load(project)
    write(project / name, "new")
    assert strays.end("fit") is None


def test_tasks_side_by_side_write_their_own_products(project: Path) -> None:
    strays = after_load(project)
    strays.begin("report")
    write(project / "output/models/part.bin", "half")
    write(project / "output/report.ipynb", "{}")
    assert strays.end("report") is None
    write(project / "output/report.ipynb", "{other}")
    assert strays.end("fit") == Path("output/report.ipynb")


class _Emptied:
    """A folder's entries as they were; one of them goes away once it is listed."""

    def __init__(self, entries: Any, gone: Path) -> None:
        self._entries = iter(list(entries))
        shutil.rmtree(gone, ignore_errors=True)

    def __enter__(self) -> _Emptied:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)


def test_a_folder_that_goes_away_meanwhile_is_left_out(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.scandir

    def scandir(path: Any) -> Any:
        # Not that of others, who may clear up in this moment, nor of what removes the folder.
        ours = not isinstance(path, int) and Path(path).is_relative_to(project)
        return _Emptied(listed(path), project / "data") if ours else listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert {path for path, _ in marks(project)} == {Path("tasks/load.ipynb"), Path("helpers.py")}
