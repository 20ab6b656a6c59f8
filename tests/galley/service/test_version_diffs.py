"""What reviewers are shown of packages and of modules."""

from __future__ import annotations

import inspect

import pytest
from galley.domain.parameters import ParameterSchema
from galley.domain.versions import Analysis, Requirement
from galley.inside import handover
from galley.project import archive
from galley.service import comparing

from tests.galley.service.platform import Platform, notebook

READ = Analysis(
    title="T",
    parameters=ParameterSchema(),
    tasks=(),
    stated=("humanize==4.9.0", "inflect<8"),
    requirements=(
        Requirement(name="humanize", version="4.17.0"),
        Requirement(name="NumPy", version="2.3"),
    ),
)
LOCKED = {"humanize": "4.9.0", "inflect": "7.5.0", "numpy": "2.2", "typeguard": "4.4"}


def test_packages_are_those_that_are_locked_beside_what_was_asked_for() -> None:
    assert comparing._requirements(READ, LOCKED) == {
        "stated.humanize": "humanize==4.9.0",
        "stated.inflect": "inflect<8",
        "requirements.humanize": "4.9.0",
        "requirements.inflect": "7.5.0",
        "requirements.numpy": "2.2",
    }


def test_before_they_are_locked_no_version_is_made_up_for_what_is_stated() -> None:
    assert comparing._requirements(READ, {}) == {
        "stated.humanize": "humanize==4.9.0",
        "stated.inflect": "inflect<8",
        "requirements.humanize": "",
        "requirements.inflect": "",
        "requirements.numpy": "2.3",
    }


def test_packages_are_compared_where_both_versions_have_them_locked(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.approved()
    second = platform.publish(notebook=notebook("x = alpha + 2"))
    locks = {1: LOCKED, 2: {**LOCKED, "typeguard": "4.5", "new": "1"}}
    monkeypatch.setattr(comparing, "locked_packages", lambda _, version: locks[version.number])

    def shown() -> dict[str, tuple[str | None, str | None]]:
        diff = platform.get(f"/versions/{second['id']}/diff").json()
        return {one["field"]: (one["before"], one["after"]) for one in diff["settings"]}

    assert shown() == {
        "requirements.typeguard": ("4.4", "4.5"),
        "requirements.new": (None, "1"),
    }
    locks[2] = {}
    assert shown() == {}, "before the rehearsal nothing is known of the packages"


def test_all_that_the_notebook_takes_along_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "pipeline.yaml": b"tasks: []",
        "tasks/one.ipynb": b"{}",
        "tasks/steps.py": b"y = 1\n",
        "tasks/setup.ipynb": b"{}",
        "handover2.py": inspect.getsource(handover).encode(),
        "handover.py": b"def mine():\n    return 1\n",
        "helpers.py": b"x = 1\n",
    }
    monkeypatch.setattr(comparing, "project_of", lambda *_: archive.pack(files))
    analysis = Analysis(
        modules=("handover", "helpers", "tasks.steps"), scripts=("tasks/setup.ipynb",)
    )
    monkeypatch.setattr(comparing, "_analysis", lambda _: analysis)
    found = comparing.modules_of(None, None)  # type: ignore[arg-type]
    assert sorted(found) == ["handover.py", "helpers.py", "tasks/setup.ipynb", "tasks/steps.py"]
