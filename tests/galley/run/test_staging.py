from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from galley.inside.outbox import within
from galley.run import staging
from galley.run.staging import PRODUCTS, place, reached, replace, restore, show, staged
from galley.run.tasks import TaskSpec

from tests.galley.run.projects import notebook


@pytest.fixture
def spec(tmp_path: Path) -> TaskSpec:
    (tmp_path / "project").mkdir()
    final = tmp_path / "project" / "products" / "fit.txt"
    values = json.dumps({"data": str(final), "nb": str(final.with_suffix(".ipynb"))})
    source = notebook(
        (f"product = {values}", ["injected-parameters"]), f"open({str(final)!r})  # by hand"
    )
    return TaskSpec(
        attempt="a",
        name="fit",
        notebook=json.dumps(source),
        output=tmp_path / "notebooks" / "fit.ipynb",
        cwd=tmp_path / "project",
        environment={"A": "1"},
        products=(Path("products/fit.txt"),),
        tries=tmp_path / "tries",
        memory=1,
        profile="p",
        deadline=datetime.now(UTC),
        timeout_s=1,
        grace_s=1,
    )


def test_each_try_has_a_place_of_its_own(spec: TaskSpec) -> None:
    with staged(spec) as first, staged(spec) as second:
        pass
    assert first.staged is not None
    assert first.staged != second.staged
    assert first.staged.parent == spec.tries
    assert first.output.parent == spec.output.parent / "tries" / first.staged.name
    assert first.output.parent.is_dir()
    assert list(first.staged.rglob("*.ipynb")) == [], "where its notebook writes"
    assert first.environment == {"A": "1", PRODUCTS: str(first.staged / "products")}
    injected, own = (cell["source"] for cell in json.loads(first.notebook)["cells"])
    told = "".join(injected)
    assert str(first.staged / "products" / "fit.txt") in told
    assert str(spec.cwd / "products" / "fit.ipynb") in told  # that one is the driver's
    assert str(spec.cwd) in "".join(own)  # the author's text is left alone


def test_without_tries_a_task_works_in_place(spec: TaskSpec) -> None:
    alone = spec.model_copy(update={"tries": None})
    with staged(alone) as one:
        assert one is alone


def test_only_what_is_placed_is_there_and_the_tries_path_leads_to_it(spec: TaskSpec) -> None:
    with staged(spec) as first, staged(spec) as second:
        pass
    final = spec.cwd / "products" / "fit.txt"
    for one, text in ((first, "first"), (second, "second")):
        assert one.staged is not None
        (one.staged / "products" / "fit.txt").write_text(text)
    assert not final.exists()
    assert second.staged is not None
    place(spec, second.staged)
    assert final.read_text() == "second"
    assert (second.staged / "products" / "fit.txt").read_text() == "second"
    assert [path.name for path in final.parent.iterdir()] == ["fit.txt"]


def test_what_a_try_made_is_not_placed_where_a_link_leads(spec: TaskSpec, tmp_path: Path) -> None:
    """The driver is behind no walls: a notebook could have it write anywhere."""
    host = tmp_path / "host"
    host.mkdir()
    with staged(spec) as one:
        pass
    assert one.staged is not None
    (one.staged / "products" / "fit.txt").write_text("made")
    (spec.cwd / "products").symlink_to(host)
    with pytest.raises(OSError, match="'products' on the way is a link or no folder"):
        place(spec, one.staged)
    assert list(host.iterdir()) == []
    (spec.cwd / "products").unlink()
    (spec.cwd / "products").mkdir()
    (spec.cwd / "products" / "fit.txt").symlink_to(host / "fit.txt")
    place(spec, one.staged)
    assert list(host.iterdir()) == []
    assert (spec.cwd / "products" / "fit.txt").read_text() == "made"


def test_what_is_in_the_place_of_a_tries_folder_is_not_placed(
    spec: TaskSpec, tmp_path: Path
) -> None:
    """A notebook can move the folder of its try, and the driver is behind no walls."""
    other = tmp_path / "attempts" / "other"
    (other / "products").mkdir(parents=True)
    (other / "products" / "fit.txt").write_text("theirs")
    with staged(spec) as one:
        pass
    assert one.staged is not None
    own = one.staged
    (own / "products" / "fit.txt").write_text("made")
    own.rename(own.with_name("away"))
    own.symlink_to(other)
    for known in (one.staged_as, None):
        with pytest.raises(OSError, match="is a link or no folder"):
            place(spec, own, known)
    own.unlink()
    shutil.copytree(other, own)
    with pytest.raises(OSError, match="is not the folder any more that was made there"):
        place(spec, own, one.staged_as)
    assert (other / "products" / "fit.txt").read_text() == "theirs"
    assert not (spec.cwd / "products" / "fit.txt").exists()
    shutil.rmtree(own)
    own.with_name("away").rename(own)
    place(spec, own, one.staged_as)
    assert (spec.cwd / "products" / "fit.txt").read_text() == "made"


@pytest.mark.parametrize("when", ["it was made", "it was looked at"])
def test_no_folder_is_made_where_a_link_leads_that_another_task_makes_once(
    spec: TaskSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    host = tmp_path / "host"
    host.mkdir()
    make, look = Path.mkdir, within.identity

    def exchange() -> None:
        assert spec.tries is not None
        for path in spec.tries.iterdir() if spec.tries.exists() else ():
            if not path.is_symlink() and path.name != "away":
                path.rename(path.with_name("away"))
                path.symlink_to(host)

    def made(path: Path, *arguments: Any, **options: Any) -> None:
        make(path, *arguments, **options)
        exchange()

    def looked_at(folder: int) -> tuple[int, int]:
        known = look(folder)
        exchange()
        return known

    if when == "it was made":
        monkeypatch.setattr(Path, "mkdir", made)
    else:
        monkeypatch.setattr(staging, "identity", looked_at)
    with pytest.raises(OSError, match="is a link or no folder"), staged(spec):
        pass
    assert list(host.iterdir()) == []


def test_the_folder_of_a_try_is_open_while_it_runs(spec: TaskSpec) -> None:
    before = _opened()
    with staged(spec) as one:
        assert _opened() - before == {str(one.staged)}
    assert _opened() == before


def _opened() -> set[str]:
    links = Path("/proc/self/fd").iterdir()
    return {str(link.readlink()) for link in links if link.is_symlink()}


@pytest.mark.parametrize("path", ["../aside.txt", "/aside.txt", "a/../../aside.txt"])
def test_nothing_is_reached_outside_of_a_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(OSError, match="is not in"), reached(tmp_path, Path(path)):
        pass


def test_the_executed_notebook_names_the_final_places(spec: TaskSpec) -> None:
    with staged(spec) as one:
        pass
    one.output.write_text(one.notebook)
    restore(one)
    assert json.loads(one.output.read_text()) == json.loads(spec.notebook)


def _file(path: Path, text: str) -> None:
    path.write_text(text)


def _folder(path: Path, text: str) -> None:
    path.mkdir()
    (path / text).touch()


@pytest.mark.parametrize("new", [_file, _folder])
@pytest.mark.parametrize("old", [None, _file, _folder])
def test_files_and_folders_take_the_place_of_what_is_there(
    tmp_path: Path, old: Any, new: Any
) -> None:
    source, target = tmp_path / "source", tmp_path / "there" / "target"
    target.parent.mkdir()
    if old is not None:
        old(target, "old")
    new(source, "new")
    replace(source, target)
    assert [path.name for path in target.parent.iterdir()] == ["target"]
    found = target.read_text() if target.is_file() else next(target.iterdir()).name
    assert found == "new"
    assert not source.exists()


def test_the_shown_notebook_follows_the_try_that_counts(tmp_path: Path) -> None:
    for text in ("one", "two"):
        (tmp_path / text).write_text(text)
        show(tmp_path / "fit.ipynb", tmp_path / text)
        assert (tmp_path / "fit.ipynb").read_text() == text
