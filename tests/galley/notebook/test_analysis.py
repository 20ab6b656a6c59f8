from __future__ import annotations

from galley.domain.versions import Severity
from galley.notebook.analysis import analyse, task_name

from .builders import INSTALLED, analysed, code, markdown, notebook


def test_a_whole_notebook() -> None:
    analysis = analyse(
        notebook(
            markdown("# Churn *score*"),
            code("n: int = 3  # trees", "parameters"),
            "",
            "import numpy as np\nprint(np.zeros(n))",
        ),
        {},
        INSTALLED,
        task="churn_score",
    )
    assert analysis.title == "Churn score"
    assert list(analysis.parameters.properties) == ["n"]
    assert analysis.checks == ()
    (task,) = analysis.tasks
    assert (task.name, task.cells, task.upstream) == ("churn_score", (1, 3), ())
    assert [one.name for one in analysis.requirements] == ["numpy"]


def test_errors_come_first_and_in_reading_order() -> None:
    analysis = analysed(notebook("!pip install x", "y = (", "import torch", "z = input()"))
    assert [check.severity for check in analysis.checks] == sorted(
        (check.severity for check in analysis.checks),
        key=[Severity.ERROR, Severity.WARNING, Severity.INFO].index,
    )
    assert [check.cell for check in analysis.errors] == [1, 2, 3]


def test_bad_rehearsal_parameters_are_a_check() -> None:
    analysis = analysed(
        notebook(code("n = 1", "parameters"), "n", galley={"rehearsal_parameters": {"n": "many"}})
    )
    (check,) = analysis.errors
    assert check.code == "rehearsal-parameters"
    assert "'many'" in check.message


def test_task_names_are_identifiers() -> None:
    assert task_name("churn-score-2") == "churn_score_2"
