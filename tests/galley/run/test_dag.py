"""Values of a run reach the tasks that declare them, however that is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from galley.run.dag import BrokenProject, load_dag

from tests.galley.run.projects import single


@pytest.mark.parametrize("source", ["x, url = 1, ''", "x = url = ''", "url: str", "url = 'a=b'"])
def test_a_parameter_is_set_in_the_task_that_declares_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    single(tmp_path, (f"upstream = None\nproduct = None\n{source}", ["parameters"]), "print(url)")
    monkeypatch.chdir(tmp_path)
    (task,) = load_dag(tmp_path, {"url": "c=d"}).values()
    assert task.params["url"] == "c=d"


def test_what_no_task_declares_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    single(tmp_path, ("upstream = None\nproduct = None\nn = 1", ["parameters"]), "x = 1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BrokenProject, match="no task declares the parameters x in a cell tagged"):
        load_dag(tmp_path, {"x": 1})
