"""What tasks have made is placed whole, and where it belongs, or not at all."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from galley.domain.runs import TaskState
from galley.run import cache as cache_module
from galley.run import copies
from galley.run.cache import TaskCache
from galley.run.tasks import TaskResult, TaskSpec

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PRODUCT = Path("output/fit.txt")


@pytest.fixture
def cache(tmp_path: Path) -> TaskCache:
    """With one entry, ``fit``."""
    project = tmp_path / "project"
    (project / "output").mkdir(parents=True)
    (project / PRODUCT).write_text("made")
    spec = TaskSpec(
        attempt="1",
        name="fit",
        notebook="{}",
        output=tmp_path / "fit.ipynb",
        cwd=project,
        environment={},
        products=(PRODUCT,),
        memory=1,
        profile="cpu-small",
        deadline=NOW,
        timeout_s=1,
        grace_s=1,
    )
    spec.output.write_text("{}")
    made = TaskCache(tmp_path / "cache", project)
    result = TaskResult(name="fit", state=TaskState.SUCCEEDED, started_at=NOW, ended_at=NOW)
    assert made.put("fit", spec, result, digest="d", run=None, attempt=1, room=100) == 6
    (project / PRODUCT).unlink()
    return made


def test_a_link_in_the_place_of_a_product_is_replaced_and_not_followed(
    cache: TaskCache, tmp_path: Path
) -> None:
    host = tmp_path / "of-the-host"
    host.write_text("kept")
    product = tmp_path / "project" / PRODUCT
    product.symlink_to(host)
    cache.place("fit", cache.get("fit"), tmp_path / "again.ipynb")
    assert host.read_text() == "kept"
    assert (product.read_text(), product.is_symlink()) == ("made", False)


def test_a_link_on_the_way_to_a_product_is_not_followed(cache: TaskCache, tmp_path: Path) -> None:
    host = tmp_path / "host"
    host.mkdir()
    (tmp_path / "project" / "output").rmdir()
    (tmp_path / "project" / "output").symlink_to(host)
    with pytest.raises(OSError, match="'output' on the way is a link or no folder"):
        cache.place("fit", cache.get("fit"), tmp_path / "again.ipynb")
    assert list(host.iterdir()) == []


def put(cache: TaskCache, tmp_path: Path, room: int = 1000) -> int:
    """Keep what is at the product's place now."""
    spec = TaskSpec(
        attempt="1",
        name="fit",
        notebook="{}",
        output=tmp_path / "fit.ipynb",
        cwd=tmp_path / "project",
        environment={},
        products=(PRODUCT,),
        memory=1,
        profile="cpu-small",
        deadline=NOW,
        timeout_s=1,
        grace_s=1,
    )
    result = TaskResult(name="fit", state=TaskState.SUCCEEDED, started_at=NOW, ended_at=NOW)
    return cache.put("fit", spec, result, digest="d", run=None, attempt=1, room=room)


def test_nothing_is_kept_where_a_link_leads(cache: TaskCache, tmp_path: Path) -> None:
    other = tmp_path / "attempts" / "other"
    other.mkdir(parents=True)
    (other / "fit.txt").write_text("theirs")
    output = tmp_path / "project" / "output"
    output.rmdir()
    output.symlink_to(other)
    with pytest.raises(OSError, match="'output' on the way is a link or no folder"):
        put(cache, tmp_path)
    output.unlink()
    output.mkdir()
    (tmp_path / "project" / PRODUCT).symlink_to(other / "none")
    with pytest.raises(OSError, match=r"output/fit\.txt is a link, and what it leads to may"):
        put(cache, tmp_path)
    assert "theirs" not in {file.read_text() for file in kept(tmp_path)}
    assert len(list((tmp_path / "cache").iterdir())) == 1, "nothing is left half done"


def kept(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_link_that_is_made_while_it_is_kept_is_not_followed(
    cache: TaskCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "part").write_text("theirs")
    product = tmp_path / "project" / PRODUCT
    (product / "inner").mkdir(parents=True)
    (product / "inner" / "part").write_text("mine")
    measure = copies.size_of

    def exchanged(place: int, path: Path) -> int:
        size = measure(place, path)
        if path == PRODUCT:
            (product / "inner").rename(tmp_path / "away")
            (product / "inner").symlink_to(other)
        return size

    monkeypatch.setattr(cache_module, "size_of", exchanged)
    with pytest.raises(OSError, match=r"output/fit\.txt/inner is a link"):
        put(cache, tmp_path)
    assert "theirs" not in {file.read_text() for file in kept(tmp_path)}


def test_a_link_that_is_made_while_it_is_placed_is_not_followed(
    cache: TaskCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = tmp_path / "host"
    host.mkdir()
    product = tmp_path / "project" / PRODUCT
    (product / "inner").mkdir(parents=True)
    (product / "inner" / "part").write_text("mine")
    put(cache, tmp_path)
    shutil.rmtree(product)
    make = os.mkdir

    def exchanged(name: str, *arguments: Any, **options: Any) -> None:
        make(name, *arguments, **options)
        for new in product.parent.glob(".fit.txt.*.new"):
            new.rename(tmp_path / "away")
            new.symlink_to(host)

    monkeypatch.setattr(os, "mkdir", exchanged)
    with pytest.raises(OSError):
        cache.place("fit", cache.get("fit"), tmp_path / "again.ipynb")
    assert list(host.iterdir()) == []
    assert list(product.parent.iterdir()) == []


def test_a_product_that_is_a_folder_is_kept_and_placed_with_its_modes(
    cache: TaskCache, tmp_path: Path
) -> None:
    product = tmp_path / "project" / PRODUCT
    (product / "inner").mkdir(parents=True)
    (product / "inner" / "part").write_text("mine")
    (product / "inner" / "part").chmod(0o640)
    (product / "inner").chmod(0o550)
    before = (product / "inner" / "part").stat()
    assert put(cache, tmp_path) == len("mine") + len("{}")
    (product / "inner").chmod(0o750)
    shutil.rmtree(product)
    cache.place("fit", cache.get("fit"), tmp_path / "again.ipynb")
    after = (product / "inner" / "part").stat()
    assert (product / "inner" / "part").read_text() == "mine"
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert stat.S_IMODE((product / "inner").stat().st_mode) == 0o550
    assert [path.name for path in product.parent.iterdir()] == ["fit.txt"]


def test_what_is_too_large_is_not_kept(cache: TaskCache, tmp_path: Path) -> None:
    (tmp_path / "project" / PRODUCT).write_text("made")
    assert put(cache, tmp_path, room=5) == 0
    assert put(cache, tmp_path, room=6) == 6


def test_what_another_run_just_removes_is_not_placed_in_part(
    cache: TaskCache, tmp_path: Path
) -> None:
    made = cache.get("fit")
    (tmp_path / "cache" / "fit" / "products" / PRODUCT).write_text("mad")
    with pytest.raises(FileNotFoundError, match="5 of 6 bytes"):
        cache.place("fit", made, tmp_path / "again.ipynb")
    assert not (tmp_path / "project" / PRODUCT).exists()
