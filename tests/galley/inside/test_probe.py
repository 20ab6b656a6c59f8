from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from galley.domain.split import Snapshot
from galley.inside import probe

from .kernels import run, text

CELLS = (
    "import warnings\nold = 1\ndef late():\n    warnings.warn('once', DeprecationWarning)\nlate()",
    "names = sorted(globals())\nrows = [n for n in range(3)]\nrows",
    "1 / 0",
    "await __import__('asyncio').sleep(0)\nlate()\nprint(names == sorted(set(names)))",
    "print(get_ipython().execution_count, sorted(globals()))",
)


def read(output: Path, cell: int) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((output / f"{cell}.json").read_text())
    return content


def without_pid(words: str) -> str:
    return re.sub(r"ipykernel_\d+", "ipykernel", words)


def test_takes_a_snapshot_after_the_chosen_cells_and_leaves_no_trace(tmp_path: Path) -> None:
    output = tmp_path / "snapshots"
    after = {2: 7, 3: 8, 4: 11}
    added = probe.prepare(tmp_path / "probe", after=after, output=output, crossing={7: ["late"]})
    probed = run(tmp_path, CELLS, added, allow_errors=True)
    plain = run(tmp_path, CELLS, allow_errors=True)

    assert sorted(path.name for path in output.iterdir()) == ["11.json", "7.json", "8.json"]
    snapshot = Snapshot.model_validate(read(output, 7))
    assert snapshot.cell == 7
    assert set(snapshot.names) == {"warnings", "old", "late", "names", "rows"}
    assert snapshot.names["rows"].summary == "3 items"
    assert read(output, 8)["names"] == read(output, 7)["names"], "after a cell that raised"
    assert [cell.execution_count for cell in probed] == [cell.execution_count for cell in plain]
    for seen, expected in zip(probed, plain, strict=True):
        assert without_pid(text(seen)) == without_pid(text(expected))


def test_writes_an_error_in_place_of_a_snapshot(tmp_path: Path) -> None:
    output = tmp_path / "snapshots"
    added = probe.prepare(tmp_path / "probe", after={1: 0}, output=output)
    broken = tmp_path / "probe" / "fingerprint.py"
    broken.write_text("def snapshot(namespace, *, crossing=()):\n    raise ValueError('broken')\n")
    cells = run(tmp_path, ["print('fine')"], added)
    assert text(cells[0]) == "fine\n"
    assert read(output, 0) == {"cell": 0, "error": "ValueError: broken"}


def test_a_missing_configuration_stays_out_of_the_notebook(tmp_path: Path) -> None:
    added = probe.prepare(tmp_path / "probe", after={1: 0}, output=tmp_path / "snapshots")
    (tmp_path / "probe" / "probe.json").unlink()
    cells = run(tmp_path, ["print('fine')"], added)
    assert text(cells[0]) == "fine\n"
    assert list((tmp_path / "snapshots").iterdir()) == []


class Events:
    def __init__(self) -> None:
        self.registered: list[tuple[str, Any]] = []

    def register(self, name: str, function: Any) -> None:
        self.registered.append((name, function))


class Shell:
    def __init__(self, **names: Any) -> None:
        self.events, self.user_ns = Events(), names


class Result:
    def __init__(self, *, silent: bool = False, store_history: bool = True) -> None:
        self.info = self
        self.silent, self.store_history = silent, store_history


def test_counts_only_cells_that_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "snapshots"
    added = probe.prepare(
        tmp_path / "probe", after={2: 3}, output=output, crossing=["gone", "rows"]
    )
    monkeypatch.setenv(probe.VARIABLE, added[probe.VARIABLE])
    shell = Shell(rows=iter([1]))
    probe.install(shell)
    ((event, ended),) = shell.events.registered
    assert event == "post_run_cell"
    for result in (Result(), Result(silent=True), Result(store_history=False)):
        ended(result)
    assert list(output.iterdir()) == []
    ended(Result())
    assert read(output, 3)["names"]["rows"]["stuck"]


def test_is_not_installed_without_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(probe.VARIABLE, raising=False)
    shell = Shell()
    probe.install(shell)
    assert shell.events.registered == []
