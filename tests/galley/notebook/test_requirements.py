"""What an author states, and what it does to the imports."""

from __future__ import annotations

from typing import Any

import pytest
from galley.domain.versions import Analysis, Check, Requirement, Severity
from galley.errors import InvalidInput
from galley.notebook.analysis import analyse
from galley.notebook.installed import Distribution, Installed
from galley.notebook.requirements import (
    read_requirements,
    stated_requirements,
    wanted_requirements,
    wanted_text,
)

from tests.galley.notebook.builders import code, notebook

INSTALLED = Installed(modules={"pandas": (Distribution(name="pandas", version="3.1.0"),)})


def stating(*lines: str, cells: str = "import humanize") -> dict[str, Any]:
    made = notebook(code(cells))
    made["metadata"]["galley"] = {"requirements": list(lines)}
    return made


def missing(analysis: Analysis) -> list[Check]:
    return [check for check in analysis.checks if check.code == "missing-import"]


def test_requirements_are_read_in_their_normal_form() -> None:
    found = stated_requirements(stating("humanize == 4.9.0  # of last year", "pandas>=2,<3"))
    assert found == ("humanize==4.9.0", "pandas<3,>=2")
    assert stated_requirements(notebook(code("1"))) == ()


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://elsewhere.example/simple",
        "-r other.txt",
        "-e .",
        "./wheels/greeting.whl",
        "greeting @ https://elsewhere.example/greeting.whl",
        "git+https://elsewhere.example/greeting",
        "greeting==",
    ],
)
def test_what_is_no_name_with_a_version_is_refused(line: str) -> None:
    with pytest.raises(InvalidInput):
        read_requirements(f"pandas\n{line}\n")


def test_a_mistake_in_them_stops_publishing_with_the_line() -> None:
    (check,) = analyse(stating("-e .", cells="1"), {}, INSTALLED).errors
    assert check.code == "requirements"
    assert "'-e .'" in check.message


def test_metadata_of_another_shape_is_a_check_too() -> None:
    made = notebook(code("1"))
    made["metadata"]["galley"] = {"requirements": "humanize"}
    (check,) = analyse(made, {}, INSTALLED).errors
    assert "list of texts" in check.message


def test_a_stated_one_wins_over_the_installed_version() -> None:
    analysis = analyse(stating("Pandas<3", cells="import pandas"), {}, INSTALLED)
    assert analysis.requirements == (
        Requirement(name="pandas", version="3.1.0", imports=("pandas",)),
    )
    assert wanted_requirements(analysis) == ("Pandas<3",)
    assert wanted_text(analysis).splitlines()[1:] == ["Pandas<3"]


def test_an_import_that_nothing_states_keeps_its_installed_version() -> None:
    analysis = analyse(stating("humanize", cells="import pandas, humanize"), {}, INSTALLED)
    assert wanted_requirements(analysis) == ("humanize", "pandas==3.1.0")


@pytest.mark.parametrize(
    ("module", "line"), [("humanize", "humanize==4.9.0"), ("sklearn", "scikit_learn")]
)
def test_a_module_of_a_stated_distribution_is_not_missing(module: str, line: str) -> None:
    analysis = analyse(stating(line, cells=f"import {module}.sub"), {}, INSTALLED)
    assert missing(analysis) == []
    assert analysis.missing_modules == ()


def test_a_module_that_an_unknown_distribution_may_bring_is_left_to_the_rehearsal() -> None:
    analysis = analyse(stating("acme-suite", cells="import widgetry"), {}, INSTALLED)
    (check,) = missing(analysis)
    assert check.severity is Severity.WARNING
    assert analysis.missing_modules == ("widgetry",)


def test_a_stated_distribution_whose_modules_are_known_excuses_nothing() -> None:
    analysis = analyse(stating("pandas<9", cells="import widgetry"), {}, INSTALLED)
    assert [check.severity for check in missing(analysis)] == [Severity.ERROR]


def test_the_advice_names_the_distribution_of_a_missing_module() -> None:
    (check,) = missing(analyse(notebook(code("import sklearn")), {}, INSTALLED))
    assert check.severity is Severity.ERROR
    assert "`scikit-learn`" in check.message
    assert "requirements.txt" in check.message


def test_a_missing_name_of_a_sent_module_is_not_looked_for_elsewhere() -> None:
    made = stating("acme-suite", cells="import helpers.gone")
    (check,) = missing(analyse(made, {"helpers/__init__.py": ""}, INSTALLED))
    assert check.severity is Severity.ERROR
