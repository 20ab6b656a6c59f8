"""What tasks have made is placed whole, and where it belongs, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from galley.domain.runs import TaskState
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


def test_what_another_run_just_removes_is_not_placed_in_part(
    cache: TaskCache, tmp_path: Path
) -> None:
    made = cache.get("fit")
    (tmp_path / "cache" / "fit" / "products" / PRODUCT).write_text("mad")
    with pytest.raises(FileNotFoundError, match="5 of 6 bytes"):
        cache.place("fit", made, tmp_path / "again.ipynb")
    assert not (tmp_path / "project" / PRODUCT).exists()
