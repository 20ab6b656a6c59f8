from __future__ import annotations

from typing import Any

import pytest
from galley.domain.split import SplitLayout, SplitPlan, SplitSource, TaskLayout
from galley.errors import InvalidInput
from galley.notebook.parameters import inspect
from galley.notebook.source import read_cells
from galley.notebook.split import plan_split

from .builders import code, markdown, notebook


def plan(*cells: Any, **more: Any) -> SplitPlan:
    read = read_cells(notebook(*cells))
    return plan_split(read, schema=inspect(read).schema, **more)


def sections(*sources: str) -> list[Any]:
    """Return one heading and one code cell per source."""
    found: list[Any] = []
    for number, source in enumerate(sources):
        found += [markdown(f"## Part {number}"), source]
    return found


def loads(made: SplitPlan) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(task.name, load.task, load.names) for task in made.tasks for load in task.loads]


def test_headings_make_tasks_and_values_cross() -> None:
    made = plan(*sections("x = open_it()\nprint(x)", "y = x + f()", "print(y)"))
    assert made.source is SplitSource.HEADINGS
    assert [task.name for task in made.tasks] == ["part_0", "part_1", "part_2"]
    assert loads(made) == [("part_1", "part_0", ("x",)), ("part_2", "part_1", ("y",))]
    assert [task.upstream for task in made.tasks] == [(), ("part_0",), ("part_1",)]
    assert [(one.producer, one.consumer, one.name) for one in made.crossings] == [
        ("part_0", "part_1", "x"),
        ("part_1", "part_2", "y"),
    ]


def test_imports_functions_and_constants_are_repeated() -> None:
    made = plan(
        "import numpy as np\nK = 3\n\n\ndef f(x):\n    return np.sin(x) * K",
        *sections("a = f(load())", "b = f(load())"),
    )
    assert loads(made) == []
    assert made.tasks[1].upstream == ()
    assert [one.names for one in made.tasks[1].fragments] == [("np",), ("K",), ("f",)]


def test_a_title_alone_is_no_section() -> None:
    made = plan(markdown("# Title"), markdown("## A"), "a = f()", markdown("## B"), "b = g(a)")
    assert [task.cells for task in made.tasks] == [(0, 1, 2), (3, 4)]


def test_parameters_are_distributed() -> None:
    made = plan(code("n = 3", "parameters"), *sections("a = f(n)", "b = g()", "c = h(n)"))
    assert [task.parameters for task in made.tasks] == [("n",), (), ("n",)]
    assert all(0 not in task.cells for task in made.tasks)


def test_the_author_decides() -> None:
    layout = SplitLayout(
        tasks=(TaskLayout(name="one", cells=(0,)), TaskLayout(name="two", cells=(1, 2)))
    )
    made = plan("a = f()", "b = a", "c = b", layout=layout)
    assert made.source is SplitSource.AUTHOR
    assert [task.cells for task in made.tasks] == [(0,), (1, 2)]


@pytest.mark.parametrize(
    "tasks",
    [
        (("a", (0,)),),
        (("a", (1,)), ("b", (0,))),
        (("a", (0,)), ("a", (1,))),
        (("class", (0, 1)),),
        (("a", (0, 1, 9)),),
        (("a", (0, 0, 1)),),
    ],
)
def test_an_impossible_layout_is_refused(tasks: Any) -> None:
    layout = SplitLayout(tasks=tuple(TaskLayout(name=name, cells=cells) for name, cells in tasks))
    with pytest.raises(InvalidInput) as caught:
        plan("a = f()", "b = a", layout=layout)
    assert caught.value.field is not None and caught.value.field.startswith("layout.tasks")


def test_nothing_at_all() -> None:
    assert plan().tasks == plan().tasks
    assert not plan().is_split
