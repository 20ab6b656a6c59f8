"""Proofs on this machine, with the real planner: what ``galley build --prove`` does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from galley.domain.proof import Proof, ProofState
from galley.inside import zygote
from galley.notebook.analysis import analyse
from galley.notebook.source import read_cells
from galley.notebook.split import plan_split
from galley.proof import local
from galley.proof.around import Around
from galley.proof.local import FIRST, prove_here
from galley.proof.prove import SPLIT

from tests.galley.notebook.builders import INSTALLED, code, markdown, notebook

BOOK: dict[str, Any] = notebook(
    code("factor = 2", "parameters"),
    code("import csv\nimport helpers"),
    markdown("# Read"),
    code("with open('rows.csv') as file:\n    rows = [int(row[0]) for row in csv.reader(file)]"),
    code("rows.append(4)"),
    markdown("# Scale"),
    code("scaled = [helpers.twice(row) * factor for row in rows]\nprint(sum(scaled))"),
    markdown("# Write"),
    code("with open('out.txt', 'w') as out:\n    out.write(str(len(scaled)))"),
)
MODULES = {
    "drawing.py": "import random\nTOKEN = random.random()\n",
    "tokens.py": (
        "import random\n_kept = []\n"
        "def token():\n"
        "    if not _kept:\n"
        "        _kept.append(random.random())\n"
        "    return _kept[0]\n"
    ),
    "helpers.py": "def twice(value):\n    return 2 * value\n",
    "lazy.py": (
        "class Model:\n"
        "    def fit(self):\n"
        "        return Fitted(self)\n"
        "class Fitted:\n"
        "    def __init__(self, model):\n"
        "        self.model = model\n"
        "    def __getattr__(self, name):\n"
        "        if name != 'total':\n"
        "            raise AttributeError(name)\n"
        "        self.model.weights = [1, 2]\n"
        "        return sum(self.model.weights)\n"
    ),
}


def proved(tmp_path: Path, book: dict[str, Any], **more: Any) -> tuple[Proof, list[str], list[str]]:
    said: list[str] = []
    phases: list[str] = []
    analysis = analyse(book, MODULES, INSTALLED)
    plan = plan_split(read_cells(book), schema=analysis.parameters, modules=MODULES)
    analysis = analysis.model_copy(update={"split": plan})
    proof = prove_here(
        book, MODULES, analysis, tmp_path, {}, said.append, progress=phases.append, **more
    )
    return proof, said, phases


def test_a_notebook_with_neighbours_and_a_module_is_proved(tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    (beside / ".git").mkdir(parents=True)
    (beside / "rows.csv").write_text("1\n2\n")
    (tmp_path / "work").mkdir()
    printed: list[str] = []
    proof, said, phases = proved(tmp_path / "work", BOOK, beside=beside, printed=printed.append)
    assert proof.state is ProofState.EQUAL, said
    assert proof.plan is not None
    assert len(proof.plan.tasks) > 1
    assert proof.files == 1
    assert phases == [FIRST, SPLIT]
    assert proof.kernels == ("forked",)
    assert "28\n" in printed
    assert sorted(path.name for path in beside.iterdir()) == [".git", "rows.csv"]
    assert not (tmp_path / "work" / "home" / ".git").exists()


def test_what_a_library_reads_when_it_is_imported_is_there_in_a_forked_kernel(
    tmp_path: Path,
) -> None:
    (tmp_path / "stylelib").mkdir()
    (tmp_path / "stylelib" / "mine.mplstyle").touch()
    (tmp_path / "work").mkdir()
    book = notebook(
        *(markdown("# A"), "import matplotlib.style as style", "a = ['mine' in style.library]"),
        *("a.append('!')", markdown("# B"), "print(*a)"),
    )
    printed: list[str] = []
    environment = {**os.environ, "MPLCONFIGDIR": str(tmp_path)}
    proof, said, _ = proved(
        tmp_path / "work", book, environment=environment, printed=printed.append
    )
    assert (proof.state, proof.kernels) == (ProofState.EQUAL, ("forked",)), said
    assert "True !\n" in printed


def test_where_nothing_can_be_forked_kernels_are_started_and_the_proof_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zygote, "__file__", str(tmp_path / "nothing.py"))
    book = notebook(markdown("# A"), "a = [2]", "a.append(1)", markdown("# B"), "print(sorted(a))")
    proof, said, _ = proved(tmp_path, book)
    assert proof.state is ProofState.EQUAL, said
    assert proof.kernels == ("started",)


def test_a_notebook_that_does_not_run_is_said(tmp_path: Path) -> None:
    proof, _, _ = proved(tmp_path, BOOK)
    assert proof.state is ProofState.UNEQUAL
    assert proof.reason is not None
    assert proof.reason.startswith("the notebook does not run: cell 4 ")


def test_one_task_needs_no_proof(tmp_path: Path) -> None:
    proof, _, phases = proved(tmp_path, notebook("a = 1"))
    assert (proof.state, phases) == (ProofState.NOT_NEEDED, [])
    assert proof.reason


def test_a_folder_with_too_much_in_it_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "MAX_NEIGHBOURS", 3)
    (tmp_path / "rows.csv").write_text("1234")
    proof, _, phases = proved(tmp_path / "work", BOOK, beside=tmp_path)
    assert (proof.state, phases) == (ProofState.SKIPPED, [])
    assert proof.reason is not None
    assert "4 B" in proof.reason


def test_models_that_keep_their_training_data_are_handed_over_with_it(tmp_path: Path) -> None:
    """What shares an object and is only read afterwards goes into one file, and no further."""
    book = notebook(
        markdown("# Data"),
        code(
            "from sklearn.datasets import load_iris\n"
            "from sklearn.neighbors import KNeighborsClassifier\n"
            "from sklearn.model_selection import GridSearchCV\n"
            "iris = load_iris()\nX, y = iris.data, iris.target\nsizes = [1, 3]"
        ),
        markdown("# Fit"),
        code("near = KNeighborsClassifier(3).fit(X, y)\nprint(near.predict(X[:2]))"),
        markdown("# Search"),
        code(
            "search = GridSearchCV(KNeighborsClassifier(), {'n_neighbors': sizes}, cv=3)\n"
            "search.fit(X, y)\nprint(search.best_params_)"
        ),
        markdown("# Compare"),
        code("print(near.score(X, y), search.score(X, y), iris.target_names[0])"),
    )
    proof, said, _ = proved(tmp_path, book)
    assert proof.state is ProofState.EQUAL, said
    assert proof.plan is not None
    assert [task.name for task in proof.plan.tasks] == ["data", "fit", "search", "compare"]
    (tried,) = proof.tries
    # The times that a search has measured are another one's each time, and nothing else is.
    assert {one.what for one in tried.differences} <= {"search"}, said


TYPES = (
    "from collections import namedtuple\n"
    "from enum import Enum\n"
    "from typing import NewType, TypeVar, Iterator\n"
    "Cell = tuple[int, int]\n"
    "World = set[Cell]\n"
    "Point = namedtuple('Point', 'x y')\n"
    "Colour = Enum('Colour', 'RED GREEN')\n"
    "Key = NewType('Key', int)\n"
    "T = TypeVar('T')\n"
    "def grow(world: World, by: T = None) -> World:\n"
    "    return world | {(x + 1, y) for x, y in world}\n"
    "def life(world: World) -> Iterator[World]:\n"
    "    yield grow(world)\n"
)


def test_what_the_types_of_a_notebook_are_of_is_known_in_another_task(tmp_path: Path) -> None:
    book = notebook(
        *(markdown("# A"), TYPES, "world = {(len('ab'), 3)}\np = Point(Key(1), [Colour.RED])"),
        *(markdown("# B"), "later = next(life(world))\nq = p._replace(x=2)\nprint(len(later))"),
        *(markdown("# C"), "print(isinstance(q, Point), q.y[0] is Colour.RED, sorted(later))"),
    )
    printed: list[str] = []
    proof, said, _ = proved(tmp_path, book, printed=printed.append)
    assert proof.state is ProofState.EQUAL, said
    assert proof.plan is not None
    assert [task.title for task in proof.plan.tasks] == ["A", "B", "C"]
    assert "True True [(2, 3), (3, 3)]\n" in printed


def test_a_type_that_was_changed_stays_with_what_uses_it_later(tmp_path: Path) -> None:
    book = notebook(
        *(markdown("# A"), TYPES, "p = Point(len('ab'), 2)"),
        *(markdown("# B"), "Point.total = lambda self: self.x + self.y\nprint(p.total())"),
        *(markdown("# C"), "print(p.total() + 1)"),
    )
    proof, said, _ = proved(tmp_path, book)
    assert proof.state is ProofState.EQUAL, said
    assert proof.plan is not None
    assert [task.cells for task in proof.plan.tasks] == [(0, 1, 2), (3, 4, 5, 6)]


def test_what_changes_through_another_name_that_is_only_looked_at_goes_along(
    tmp_path: Path,
) -> None:
    book = notebook(
        *(markdown("# A"), "import lazy", "model = lazy.Model()\nfitted = model.fit()"),
        *(markdown("# B"), "print(fitted.total)"),
    )
    proof, said, phases = proved(tmp_path, book)
    assert proof.state is ProofState.EQUAL, said
    assert phases == [FIRST, SPLIT]
    assert proof.plan is not None
    (load,) = proof.plan.tasks[1].loads
    assert load.names == ("fitted", "model")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A notebook's folder with data beside it, as a cookiecutter makes them."""
    beside = tmp_path / "repo" / "notebooks" / "2026"
    beside.mkdir(parents=True)
    for path, text in (("data/raw.csv", "1\n2\n"), ("data/more/a.txt", "7"), ("big.bin", "x")):
        (tmp_path / "repo" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "repo" / path).write_text(text)
    (tmp_path / "work").mkdir()
    return beside


READ = "from pathlib import Path\nrows = Path('../../data/raw.csv').read_text().split()"


def test_what_a_notebook_reads_above_its_folder_is_found(study: Path, tmp_path: Path) -> None:
    book = notebook(
        *(markdown("# Read"), READ, "own = Path.cwd().name"),
        *(markdown("# Count"), "name = 'a'", "n = open(f'../../data/more/{name}.txt').read()"),
        "total = len(rows) + int(n)",
    )
    proof, said, _ = proved(tmp_path / "work", book, beside=study)
    assert proof.state is ProofState.EQUAL, (proof.reason, said)
    around = tmp_path / "work" / "around"
    assert {path.name for path in around.iterdir()} == {"notebooks", "data"}
    assert list((around / "notebooks").iterdir()) == [around / "notebooks" / "2026"]


def test_what_it_names_by_a_pattern_or_by_links_is_found(study: Path, tmp_path: Path) -> None:
    data = tmp_path / "repo" / "data"
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.csv").write_text("5")
    (data / "link").symlink_to(tmp_path / "real")
    (data / "loop").symlink_to("loop")
    (data / "part_1.csv").write_text("6")
    (tmp_path / "repo" / "raw").mkdir()
    (tmp_path / "repo" / "raw" / "b.csv").write_text("7")
    book = notebook(
        "import glob\nfrom pathlib import Path",
        *(markdown("# Read"), "n = 1\na = open(f'../../data/part_{n}.csv').read()"),
        "b = [open(one).read() for one in glob.glob('../../raw/*.csv')]",
        *(markdown("# Link"), "c = open('../../data/link/x.csv').read()"),
        *(
            "d = sorted(map(str, Path('../../data').iterdir()))",
            markdown("# All"),
            "print(a, b, c)",
        ),
    )
    proof, said, _ = proved(tmp_path / "work", book, beside=study)
    assert proof.state is ProofState.EQUAL, (proof.reason, said)
    assert (tmp_path / "real" / "x.csv").read_text() == "5"


@pytest.mark.parametrize(
    "path", ["../../data/raw.csv", "../out.txt", "../pipeline.yaml", "../../data/new/out.txt"]
)
def test_what_a_notebook_writes_above_its_folder_is_not_compared_so_not_equal(
    study: Path, tmp_path: Path, path: str
) -> None:
    book = notebook(
        *(markdown("# Read"), READ),
        *(markdown("# Write"), f"Path({path!r}).parent.mkdir(exist_ok=True)"),
        f"n = open({path!r}, 'a').write('3')",
    )
    proof, _, _ = proved(tmp_path / "work", book, beside=study)
    assert proof.state is ProofState.UNEQUAL
    written = path.removesuffix("/out.txt") if "new" in path else path
    reason = f"the notebook writes {written}, above its folder, which cannot be compared"
    assert proof.reason == reason
    assert (tmp_path / "repo" / "data" / "raw.csv").read_text() == "1\n2\n"
    assert not (study.parent / "out.txt").exists()


def test_above_the_root_there_is_nothing(study: Path, tmp_path: Path) -> None:
    """A text that leads further up than there are folders must not lead back to the real ones."""
    (study / "own.txt").write_text("1")
    far = "../" * (len(study.parts) + 3) + "nothing.txt"
    book = notebook(markdown("# A"), f"far = [{far!r}]", "far.append(1)", markdown("# B"), "far[0]")
    proof, said, _ = proved(tmp_path / "work", book, beside=study)
    assert proof.state is ProofState.EQUAL, said
    assert [path.name for path in study.iterdir()] == ["own.txt"]
    with pytest.raises(ValueError, match="no folder"):
        Around(tmp_path / "work", study, [far])


def test_too_much_above_a_folder_is_said(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "MAX_NEIGHBOURS", 3)
    book = notebook(markdown("# Read"), READ, markdown("# Count"), "total = len(rows)")
    proof, _, phases = proved(tmp_path / "work", book, beside=study)
    assert (proof.state, phases) == (ProofState.SKIPPED, [])
    assert "(../../data/raw.csv) holds 4 B" in (proof.reason or "")


DRAWING = (
    *(markdown("# Draw"), "import random\nimport numpy as np", "rows = list(np.random.rand(3))"),
    *(markdown("# Shuffle"), "more = np.random.rand(4)\nrandom.shuffle(rows)\nprint(rows, more)"),
    *(markdown("# Choose"), "one = random.choice(range(10**9))\nprint(np.random.randn(), one)"),
)


def drawn_in(printed: list[str]) -> list[str]:
    return [one for one in printed if not one.startswith("limits: ")]


def test_the_runs_of_a_proof_draw_the_same_random_numbers(tmp_path: Path) -> None:
    printed: list[str] = []
    proof, said, phases = proved(tmp_path, notebook(*DRAWING), printed=printed.append)
    assert proof.state is ProofState.EQUAL, said
    assert (proof.unstable, phases, proof.drawing) == ((), [FIRST, SPLIT], (2, 4, 6))
    assert len(proof.plan.tasks if proof.plan else ()) == 3
    assert len(drawn := drawn_in(printed)) == 4
    assert len(set(drawn)) == 2


def test_each_proof_draws_others(tmp_path: Path) -> None:
    printed: list[str] = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        proved(tmp_path / name, notebook(*DRAWING), printed=printed.append)
    assert len(set(drawn_in(printed))) == 4


UNSEEN = {
    "seed": (
        "import numpy as np\nbegin = getattr(np.random, 'se' + 'ed')",
        "begin(5)\na = 1",
        "b = np.random.rand(3)",
    ),
    "seed that is drawn": (
        "import random\nimport tokens\nbegin = getattr(random, 'se' + 'ed')",
        "a = [tokens.token()]\nbegin()\na.append(1)",
        "print(tokens.token() == a[0])",
    ),
    "default that is drawn": (
        "import random\ndef tag(salt=random.random()):\n    return salt",
        "a = [tag()]\na.append(1)",
        "print(tag() == a[0])",
    ),
    "module that draws": (
        "import drawing",
        "a = [drawing.TOKEN]\na.append(1)",
        "print(drawing.TOKEN == a[0])",
    ),
    "class that draws": (
        "import numpy as np\nclass Folds:\n    order = list(map(int, np.random.permutation(20)))",
        "train = sorted(Folds.order[:10])\ntrain.append(-1)",
        "print(len(set(train) & set(Folds.order[10:])))",
    ),
}
"""What draws where a run would not: random numbers of the unsplit run must not hide it."""


@pytest.mark.parametrize("kind", UNSEEN)
def test_what_draws_in_each_task_of_a_run_is_not_hidden(tmp_path: Path, kind: str) -> None:
    setup, one, other = UNSEEN[kind]
    book = notebook(setup, markdown("# A"), one, markdown("# B"), other)
    proof, _, _ = proved(tmp_path, book)
    assert proof.tries, proof.reason
    assert any(not one.unstable for one in proof.tries[0].differences), proof


def test_what_is_seeded_draws_nothing_that_differs(tmp_path: Path) -> None:
    book = notebook(
        *(markdown("# Seed"), "import numpy as np", "np.random.seed(5)", "a = np.random.rand(3)"),
        *(markdown("# Draw"), "b = a + np.random.rand(3)"),
    )
    proof, said, _ = proved(tmp_path, book)
    assert (proof.state, proof.drawing) == (ProofState.EQUAL, ()), said
