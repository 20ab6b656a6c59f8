"""What reviewers are shown of packages and of modules."""

from __future__ import annotations

import inspect

import pytest
from galley.domain.parameters import ParameterSchema
from galley.domain.versions import Analysis, Requirement
from galley.inside import handover
from galley.project import archive
from galley.service import comparing

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
    assert comparing._requirements(READ, LOCKED, whole=False) == {
        "stated.humanize": "humanize==4.9.0",
        "stated.inflect": "inflect<8",
        "requirements.humanize": "4.9.0",
        "requirements.inflect": "7.5.0",
        "requirements.numpy": "2.2",
    }
    assert "requirements.typeguard" in comparing._requirements(READ, LOCKED, whole=True)


def test_before_they_are_locked_no_version_is_made_up_for_what_is_stated() -> None:
    for whole in (False, True):
        assert comparing._requirements(READ, {}, whole=whole) == {
            "stated.humanize": "humanize==4.9.0",
            "stated.inflect": "inflect<8",
            "requirements.humanize": "",
            "requirements.inflect": "",
            "requirements.numpy": "2.3",
        }


def test_what_hands_variables_on_is_nobodys_module(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = inspect.getsource(handover).encode()
    files = {
        "pipeline.yaml": b"tasks: []",
        "tasks/one.ipynb": b"{}",
        "handover2.py": ours,
        "handover.py": b"def mine():\n    return 1\n",
        "helpers.py": b"x = 1\n",
    }
    monkeypatch.setattr(comparing, "project_of", lambda *_: archive.pack(files))
    found = comparing.modules_of(None, None)  # type: ignore[arg-type]
    assert sorted(found) == ["handover.py", "helpers.py"]
