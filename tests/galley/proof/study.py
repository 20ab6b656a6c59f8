"""A notebook with everything that a split can get wrong, and the plan that gets it right."""

from __future__ import annotations

from typing import Any

from galley.domain.split import Load, PlannedTask, Save, SplitPlan

from tests.galley.notebook.builders import code, markdown, notebook
from tests.galley.proof import facts

HELPER = "LIMIT = 3\n\n\ndef scale(value, by=LIMIT):\n    return value * by"

STUDY: dict[str, Any] = notebook(
    code("rate = 2\nlabel = 'a'", "parameters"),
    code("import random"),
    code(HELPER),
    markdown("# Make"),
    code("random.seed(3)\nrows = [random.random() for _ in range(4)]\nsame = rows\ntotal = 0.1"),
    code("print(len(rows), label)"),
    markdown("# Change"),
    code("rows.append(random.random() * rate)\nscaled = [scale(row) for row in rows]"),
    code("total = total + 0.2\ntotal"),
    markdown("# Left"),
    code("left = sum(scaled)\nprint(f'{left:.6f}')"),
    markdown("# Right"),
    code(
        "right = max(scaled) * total\n"
        "with open('out.txt', 'w') as file:\n    file.write('x' * 9)\ndel file"
    ),
    markdown("# Join"),
    code("result = {'left': left, 'right': right, 'rate': rate}"),
    code("sorted(result)"),
)


RANDOM = facts.fragment(1, 1, "import random", "random")
LIMIT = facts.fragment(2, 1, "LIMIT = 3", "LIMIT")
SCALE = facts.fragment(2, 4, "def scale(value, by=LIMIT):\n    return value * by", "scale")

MAKE = PlannedTask(
    name="make",
    cells=(3, 4, 5),
    fragments=(RANDOM,),
    parameters=("label",),
    saves=(Save(names=("rows", "same")), Save(names=("total",))),
    states=("random",),
)
CHANGE = PlannedTask(
    name="change",
    cells=(6, 7, 8),
    upstream=("make",),
    fragments=(RANDOM, LIMIT, SCALE),
    parameters=("rate",),
    loads=(Load(task="make", names=("rows", "same", "total")),),
    saves=(Save(names=("scaled",)), Save(names=("total",))),
    states=("random",),
)
LEFT = PlannedTask(
    name="left",
    cells=(9, 10),
    upstream=("change",),
    loads=(Load(task="change", names=("scaled",)),),
    saves=(Save(names=("left",)),),
)
RIGHT = PlannedTask(
    name="right",
    cells=(11, 12),
    upstream=("change",),
    loads=(Load(task="change", names=("scaled", "total")),),
    saves=(Save(names=("right",)),),
)
JOIN = PlannedTask(
    name="join",
    cells=(13, 14, 15),
    upstream=("left", "right"),
    parameters=("rate",),
    loads=(Load(task="left", names=("left",)), Load(task="right", names=("right",))),
)

PLAN: SplitPlan = facts.plan(MAKE, CHANGE, LEFT, RIGHT, JOIN)


TABLE: dict[str, Any] = notebook(
    code("import numpy\nimport pandas\nfrom PIL import Image"),
    markdown("# Data"),
    code(
        "frame = pandas.DataFrame({'a': [1, 2, 3], 'b': [0.5, None, -0.0]}, index=[5, 6, 8])\n"
        "grid = numpy.zeros((4, 4), dtype='uint8')"
    ),
    markdown("# Show"),
    code("means = frame.mean()\nframe"),
    code("Image.fromarray(grid)"),
)

PANDAS = facts.fragment(0, 2, "import pandas", "pandas")
NUMPY = facts.fragment(0, 1, "import numpy", "numpy")
PICTURE = facts.fragment(0, 3, "from PIL import Image", "Image")

TABLE_PLAN: SplitPlan = facts.plan(
    PlannedTask(
        name="data",
        cells=(1, 2),
        fragments=(NUMPY, PANDAS),
        saves=(Save(names=("frame",)), Save(names=("grid",))),
    ),
    PlannedTask(
        name="show",
        cells=(3, 4, 5),
        upstream=("data",),
        fragments=(PICTURE,),
        loads=(Load(task="data", names=("frame", "grid")),),
    ),
)
