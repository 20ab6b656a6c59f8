from __future__ import annotations

import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from galley.errors import InvalidInput, NotFound, TooLarge
from galley.service.artifacts import COUNT_AGAIN_S, Artifacts

from tests.galley.service.full_disk import full_disk

RUN, ATTEMPT = UUID(int=1), UUID(int=2)


class Store:
    def __init__(self, root: Path) -> None:
        self.time = 0.0
        self.root = root
        self.tracked = root / "mlflow"
        self.artifacts = Artifacts(root / "kept", lambda t: self.tracked / t, lambda: self.time)

    def put(self, size: int, task: str = "fit", limit: int = 100) -> str:
        with self.artifacts.receive() as file:
            file.write(b"x" * size)
        received = Path(file.name)
        return self.artifacts.put("oncology", RUN, ATTEMPT, task, received, limit=limit)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_what_is_put_is_got(store: Store) -> None:
    key = store.put(10)
    assert key == f"oncology/{RUN}/{ATTEMPT}/fit.ipynb"
    assert store.artifacts.get(key) == b"x" * 10
    store.put(20)
    assert store.artifacts.get(key) == b"x" * 20


def put_file(store: Store, size: int, name: str = "fit.cell-2.stdout.txt") -> None:
    store.artifacts.put_file("oncology", RUN, ATTEMPT, name, io.BytesIO(b"x" * size), limit=100)


def test_files_lie_beside_the_notebooks_and_count(store: Store) -> None:
    assert store.artifacts.files("oncology", RUN, ATTEMPT) == []
    store.put(10)
    put_file(store, 30)
    put_file(store, 40)
    (kept,) = store.artifacts.files("oncology", RUN, ATTEMPT)
    assert (kept.name, kept.size) == ("fit.cell-2.stdout.txt", 40)
    path = store.artifacts.file("oncology", RUN, ATTEMPT, kept.name)
    assert path.read_bytes() == b"x" * 40
    with pytest.raises(TooLarge):
        put_file(store, 51, "more.txt")
    assert len(store.artifacts.files("oncology", RUN, ATTEMPT)) == 1


def test_what_a_full_disk_does_not_take_leaves_nothing_and_does_not_count(store: Store) -> None:
    put_file(store, 30)
    for _ in range(3):
        with full_disk(room=20), pytest.raises(OSError, match="too large"):
            put_file(store, 90)
    assert not list(store.root.rglob(".new-*"))
    (kept,) = store.artifacts.files("oncology", RUN, ATTEMPT)
    assert kept.size == 30
    put_file(store, 100)


def test_a_notebook_that_cannot_be_put_in_its_place_does_not_count(store: Store) -> None:
    in_the_way = store.root / "kept" / "oncology" / str(RUN)
    in_the_way.parent.mkdir(parents=True)
    in_the_way.touch()
    with pytest.raises(OSError, match=str(RUN)):
        store.put(60)
    in_the_way.unlink()
    store.put(100)


def test_what_nobody_completes_is_swept(store: Store) -> None:
    """Whoever received it was killed; another process may still be receiving the other one."""
    key = store.put(10)
    old, new = (store.artifacts.receive() for _ in range(2))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    before = (yesterday - timedelta(minutes=1)).timestamp()
    for path in (Path(old.name), store.artifacts.path(key)):
        os.utime(path, (before, before))
    old.close()
    store.artifacts.sweep(yesterday)
    assert not Path(old.name).exists()
    new.write(b"x" * 20)
    new.close()
    store.artifacts.put("oncology", RUN, ATTEMPT, "score", Path(new.name), limit=100)
    assert store.artifacts.get(key) == b"x" * 10
    Artifacts(store.root / "none", lambda t: store.tracked, lambda: 0).sweep(yesterday)


@pytest.mark.parametrize("name", ["../fit.ipynb", ".hidden", "a/b", "", "x" * 201])
def test_no_other_name_is_a_files(store: Store, name: str) -> None:
    with pytest.raises(InvalidInput):
        put_file(store, 1, name)
    with pytest.raises(NotFound):
        store.artifacts.file("oncology", RUN, ATTEMPT, name)


def test_over_the_quota_nothing_is_kept_and_the_limit_is_named(store: Store) -> None:
    store.put(60)
    with pytest.raises(TooLarge, match=r"limits\.artifacts allows 100 B") as caught:
        store.put(60, "score")
    assert caught.value.data["limit"] == "artifacts"
    with pytest.raises(NotFound):
        store.artifacts.get(f"oncology/{RUN}/{ATTEMPT}/score.ipynb")
    store.put(100)


def test_mlflows_artifacts_count_as_well_and_deleting_them_helps(store: Store) -> None:
    folder = store.tracked / "oncology" / "1"
    folder.mkdir(parents=True)
    (folder / "model.pkl").write_bytes(b"x" * 90)
    with pytest.raises(TooLarge):
        store.put(20)
    (folder / "model.pkl").unlink()
    store.time += COUNT_AGAIN_S
    store.put(20)


@pytest.mark.parametrize("task", ["", "..", "a/b", "a.b", "x" * 101, "a\0"])
def test_a_tasks_name_is_no_path(store: Store, task: str) -> None:
    with pytest.raises(InvalidInput):
        store.put(1, task)


def test_a_key_leads_nowhere_else(store: Store) -> None:
    (store.root / "secret").write_bytes(b"secret")
    with pytest.raises(NotFound):
        store.artifacts.get("../secret")
