"""Corrupted splits: every one must be found, and the good one must not be taken for one.

Each corruption is an edit of one task's notebook in a project that was proved. Only what it can
reach runs again; the rest is taken over from the good run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from galley.domain.proof import Difference
from galley.domain.split import SplitPlan
from galley.notebook.dataflow import cell_names
from galley.proof.compare import Ground, compare_split
from galley.proof.place import Place
from galley.proof.runs import Kept, run_plain, run_split
from galley.proof.stage import Stage

from tests.galley.proof.study import PLAN, STUDY, TABLE, TABLE_PLAN
from tests.galley.proof.world import handmade, place

Cells = list[dict[str, Any]]
Edit = Callable[[Cells], None]


@dataclass(frozen=True)
class World:
    """A notebook that ran unsplit twice and once split as it should."""

    plan: SplitPlan
    ground: Ground
    good: Kept
    place: Place
    stage: Stage
    folder: Path

    def differences(self, files: dict[str, bytes], *, reuse: bool = True) -> list[Difference]:
        """Run a corrupted project and return what counts against it."""
        number = len(list(self.folder.iterdir()))
        folder = self.folder / f"mutation-{number}"
        kept = self.good if reuse else None
        first = self.ground.first
        run, _ = run_split(files, self.plan, {}, self.place, self.stage, folder, first, kept)
        found = compare_split(self.plan, self.ground, run)
        return [one for one in found if not one.unstable]


def proved(folder: Path, notebook: dict[str, Any], plan: SplitPlan, here: Place) -> World:
    work = handmade(folder, notebook, plan)
    stage = Stage(work.home, folder / "unused")
    first, again = (
        run_plain(work.project(None), plan, {}, here, stage, folder / name)
        for name in ("first", "again")
    )
    bindings = {one.index: cell_names(one).defined for one in work.cells if one.type == "code"}
    hoisted = frozenset({"LIMIT", "scale", "rate", "label", "product", "upstream"})
    ground = Ground(first, again, hoisted=hoisted, bindings=bindings)
    files = work.project(plan)
    run, owners = run_split(files, plan, {}, here, stage, folder / "good", first)
    differences = compare_split(plan, ground, run)
    good = Kept(plan, files, run, differences, folder / "good", owners)
    (folder / "mutations").mkdir()
    return World(plan, ground, good, here, stage, folder / "mutations")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with place() as here:
        yield proved(tmp_path_factory.mktemp("study"), STUDY, PLAN, here)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with place() as here:
        yield proved(tmp_path_factory.mktemp("table"), TABLE, TABLE_PLAN, here)


def text(old: str, new: str) -> Edit:
    """Replace a text in the one cell that has it."""

    def edit(cells: Cells) -> None:
        (cell,) = [one for one in cells if old in one["source"]]
        cell["source"] = cell["source"].replace(old, new)

    return edit


def after_load(line: str) -> Edit:
    """Add a line to the load cell."""

    def edit(cells: Cells) -> None:
        (cell,) = [one for one in cells if one["metadata"]["galley"].get("role") == "load"]
        cell["source"] += f"\n{line}"

    return edit


def dropped(source: str) -> Edit:
    def edit(cells: Cells) -> None:
        cells[:] = [one for one in cells if source not in one["source"]]

    return edit


def doubled(source: str) -> Edit:
    def edit(cells: Cells) -> None:
        (at,) = [number for number, one in enumerate(cells) if source in one["source"]]
        cells.insert(at, {**cells[at], "id": "twice"})

    return edit


def corrupted(world: World, task: str, edit: Edit) -> dict[str, bytes]:
    path = f"tasks/{task}.ipynb"
    notebook = json.loads(world.good.files[path])
    edit(notebook["cells"])
    changed = json.dumps(notebook).encode()
    assert json.loads(changed) != json.loads(world.good.files[path])
    return {**world.good.files, path: changed}


LOAD = 'scaled, total = handover.load("change", "scaled", "total")'
STALE = 'scaled = handover.load("change", "scaled")\ntotal = handover.load("make", "total")'
TOGETHER = 'together=[{"rows": rows, "same": same}]'
SWAPPED = ("'left': left, 'right': right", "'right': right, 'left': left")

STUDIES: dict[str, tuple[str, Edit, str]] = {
    "a dropped load": (
        "right",
        text(LOAD, LOAD.replace(', "total"', "").replace(", total", "")),
        "right",
    ),
    "a load with another value instead": ("left", after_load("scaled = []"), "scaled"),
    "a stale value of an earlier task": ("right", text(LOAD, STALE), "total"),
    "two loads exchanged": ("join", after_load("left, right = right, left"), "left"),
    "a lost change in place": (
        "change",
        text("rows.append(", "same = [*rows]\nrows.append("),
        "rows",
    ),
    "a change in place made twice": ("change", after_load("rows.append(0.5)"), "rows"),
    "a lost alias on loading": ("change", after_load("same = list(rows)"), "rows"),
    "a lost alias on saving": ("make", text(TOGETHER, "rows=rows, same=same"), "rows"),
    "an alias too many": ("join", after_load("result = other = {}"), "other"),
    "a state of random numbers not taken over": (
        "change",
        text(', states=["random"]', ""),
        "random",
    ),
    "a state of random numbers begun anew": ("change", after_load("random.seed(3)"), "rows"),
    "a dropped function": ("change", text("def scale(", "def other("), "change"),
    "a dropped constant with a fallback": ("change", text("by=LIMIT", "by=1"), "scaled"),
    "a constant of another value": ("change", text("LIMIT = 3", "LIMIT = 4"), "LIMIT"),
    "another value of a parameter": ("join", after_load("rate = 3"), "rate"),
    "another type of a parameter": ("join", after_load("rate = 2.0"), "rate"),
    "a float rounded by one unit in the last place": (
        "join",
        after_load("left = left.__class__.fromhex((left * (1 + 2**-52)).hex())"),
        "left",
    ),
    "a saved value of another sign": ("right", text("right=right", "right=-right"), "right"),
    "a dict in another order": ("join", text(*SWAPPED), "result"),
    "a dropped cell": ("join", dropped("sorted(result)"), "cell"),
    "a cell that runs twice": ("change", doubled("total = total + 0.2"), "total"),
    "a cell of another task": (
        "left",
        lambda cells: cells[-2].update(metadata={"galley": {"cell": 12}}),
        "cell",
    ),
    "a changed print": ("left", text(":.6f", ":.5f"), "stdout"),
    "something printed to stderr": (
        "left",
        text("left = sum", "import sys\nprint('x', file=sys.stderr)\ndel sys\nleft = sum"),
        "stderr",
    ),
    "another value displayed": ("join", text("sorted(result)", "[*result][:1]"), "output 1"),
    "a variable too many": ("left", after_load("extra = 1"), "extra"),
    "a variable that is gone": (
        "join",
        text("sorted(result)", "_ = result.pop('rate')\nsorted(result)"),
        "result",
    ),
    "a file that is not written": ("right", text("'out.txt'", "'/dev/null'"), "out.txt"),
    "a file with one other byte": ("right", text("'x' * 9", "'x' * 8 + 'y'"), "out.txt"),
    "a file too many": (
        "join",
        text("sorted(result)", "open('more.txt', 'w').close()\nsorted(result)"),
        "more.txt",
    ),
}

TABLES: dict[str, tuple[str, Edit, str]] = {
    "another dtype": ("show", after_load("frame = frame.astype({'a': 'int32'})"), "frame"),
    "a new index": ("show", after_load("frame = frame.reset_index(drop=True)"), "frame"),
    "columns in another order": ("show", after_load("frame = frame[['b', 'a']]"), "frame"),
    "rows in another order": ("show", after_load("frame = frame[::-1]"), "frame"),
    "a missing value filled": ("show", after_load("frame = frame.fillna(0)"), "frame"),
    "a zero without its sign": ("show", after_load("frame['b'] = frame['b'] + 0.0"), "frame"),
    "a figure with one other pixel": (
        "show",
        text("Image.from", "grid = grid.copy()\ngrid[1, 2] = 1\nImage.from"),
        "output 1",
    ),
    "an array of another shape": ("show", after_load("grid = grid.reshape(2, 8)"), "grid"),
}


def test_the_good_splits_are_equal(study: World, table: World) -> None:
    assert [one.message for one in study.good.differences] == []
    assert [one.message for one in table.good.differences] == []


@pytest.mark.parametrize("kind", STUDIES)
def test_a_corruption_is_found(study: World, kind: str) -> None:
    task, edit, what = STUDIES[kind]
    found = study.differences(corrupted(study, task, edit))
    assert what in {one.what for one in found}, [one.message for one in found]


@pytest.mark.parametrize("kind", TABLES)
def test_a_corrupted_table_or_picture_is_found(table: World, kind: str) -> None:
    task, edit, what = TABLES[kind]
    found = table.differences(corrupted(table, task, edit))
    assert what in {one.what for one in found}, [one.message for one in found]


def test_two_tasks_in_another_order_are_found(study: World) -> None:
    graph = study.good.files["pipeline.yaml"].decode()
    first = graph.replace("  upstream:\n  - make\n", "  upstream:\n  - left\n")
    swapped = first.replace("name: left\n", "name: left\n", 1).replace(
        "  upstream:\n  - change\n", "  upstream:\n  - make\n", 1
    )
    assert swapped != graph
    files = {**study.good.files, "pipeline.yaml": swapped.encode()}
    found = study.differences(files, reuse=False)
    assert {one.what for one in found} >= {"left"}


def test_a_run_that_reuses_nothing_changed_is_equal_and_runs_nothing(study: World) -> None:
    folder = study.folder / "unchanged"
    files, first = study.good.files, study.ground.first
    run, _ = run_split(files, study.plan, {}, study.place, study.stage, folder, first, study.good)
    assert set(run.reused) == {task.name for task in study.plan.tasks}
    assert compare_split(study.plan, study.ground, run) == ()


def test_the_helper_that_rounds_what_it_hands_over_is_found(study: World) -> None:
    source = study.good.files["handover.py"].decode()
    head = "def load(task: str, /, *names: str, states: Iterable[str] = ()) -> Any:"
    assert head in source
    wrong = source.replace(head, head.replace("load(", "_load(")) + (
        "\n\ndef load(task, *names, states=()):\n"
        "    found = _load(task, *names, states=states)\n"
        "    return round(found, 3) if isinstance(found, float) else found\n"
    )
    files = {**study.good.files, "handover.py": wrong.encode()}
    found = study.differences(files, reuse=False)
    assert {one.what for one in found} >= {"left", "result"}


def test_a_defect_of_which_the_plain_runs_know_nothing_is_not_unstable(study: World) -> None:
    blind = replace(study, ground=replace(study.ground, again=None))
    task, edit, what = STUDIES["another value of a parameter"]
    assert what in {one.what for one in blind.differences(corrupted(blind, task, edit))}
