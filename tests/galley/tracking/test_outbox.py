from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from galley.domain.runs import AttemptState
from galley.inside.outbox import place, spool
from galley.tracking.outbox import Outbox, place_plugin, unlinked
from galley.tracking.parent import end_parent, start_parent, status_of

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def records(outbox: Outbox) -> list[dict[str, Any]]:
    return spool.read(Path(outbox.uri.partition(":")[2]) / spool.LOG)[0]


def test_the_parent_has_params_metrics_and_a_final_status(tmp_path: Path) -> None:
    parent = start_parent(
        tmp_path,
        name="survival v3",
        started_at=NOW,
        tags={"galley.run_id": "r" * 9000},
        params={"alpha": 0.1},
    )
    end_parent(parent, state=AttemptState.TIMED_OUT, metrics={"auc": 0.8}, ended_at=NOW)
    begun, params, metrics, ended, closed = records(parent)
    assert (begun["name"], len(begun["tags"]["galley.run_id"])) == ("survival v3", 5000)
    assert params["params"] == {"alpha": "0.1"}
    assert metrics["metrics"][0]["value"] == 0.8
    assert (ended["status"], closed["op"]) == ("FAILED", "closed")
    assert parent.metrics() == {"auc": 0.8}
    assert status_of(AttemptState.LOST) == "KILLED"


def test_a_kept_file_is_as_it_was(tmp_path: Path) -> None:
    outbox = Outbox.begin(tmp_path, None, name="fit", start_ms=1, tags={})
    file = tmp_path / "fit.ipynb"
    file.write_text("first")
    outbox.keep("fit.ipynb", file)
    unlinked(file)
    file.write_text("second")
    unlinked(file)
    assert (tmp_path / outbox.run / "files" / "fit.ipynb").read_text() == "first"
    assert file.read_text() == "second"


def test_nothing_is_kept_where_a_link_of_a_task_leads(tmp_path: Path) -> None:
    """Whoever keeps a notebook is behind no walls: it could write into another attempt."""
    theirs = tmp_path / "attempts" / "other"
    theirs.mkdir(parents=True)
    (theirs / "fit.ipynb").write_text("theirs")
    mine = tmp_path / "fit.ipynb"
    mine.write_text("mine")
    folder = tmp_path / "outbox"
    outbox = Outbox.begin(folder, None, name="fit", start_ms=1, tags={})
    (folder / outbox.run / "files").symlink_to(theirs)
    with pytest.raises(OSError, match="'files' on the way is a link or no folder"):
        outbox.keep("fit.ipynb", mine)
    (folder / outbox.run).rename(folder / "away")
    (folder / outbox.run).symlink_to(tmp_path)
    with pytest.raises(OSError, match="on the way is a link or no folder"):
        outbox.keep("fit.ipynb", mine)
    assert (theirs / "fit.ipynb").read_text() == "theirs"
    assert not (tmp_path / "files").exists()
    assert [one["op"] for one in spool.read(folder / "away" / spool.LOG)[0]] == ["create"]


@pytest.mark.parametrize("links", [True, False], ids=["a file system", "one without hard links"])
def test_a_link_in_the_place_of_a_kept_file_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    host = tmp_path / "host"
    host.write_text("kept")
    mine = tmp_path / "fit.ipynb"
    mine.write_text("mine")
    outbox = Outbox.begin(tmp_path, None, name="fit", start_ms=1, tags={})
    kept = tmp_path / outbox.run / "files" / "fit.ipynb"
    kept.parent.mkdir()
    kept.symlink_to(host)
    if not links:
        monkeypatch.setattr(os, "link", _no_link)
    outbox.keep("fit.ipynb", mine)
    assert (kept.read_text(), kept.is_symlink(), host.read_text()) == ("mine", False, "kept")
    assert kept.samefile(mine) == links


def _no_link(source: Path, name: str, *, dst_dir_fd: int, **_: object) -> None:
    raise PermissionError(source, name, dst_dir_fd)


def test_a_link_that_is_made_in_this_moment_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = tmp_path / "host"
    host.write_text("kept")
    mine = tmp_path / "fit.ipynb"
    mine.write_text("mine")

    def too_late(_source: Path, name: str, *, dst_dir_fd: int, **_: object) -> None:
        os.symlink(host, name, dir_fd=dst_dir_fd)
        raise FileExistsError

    outbox = Outbox.begin(tmp_path, None, name="fit", start_ms=1, tags={})
    monkeypatch.setattr(os, "link", too_late)
    with pytest.raises(FileExistsError):
        outbox.keep("fit.ipynb", mine)
    assert host.read_text() == "kept"


@pytest.mark.timeout(20)
def test_metrics_are_not_waited_for_where_a_task_made_a_pipe_of_its_log(tmp_path: Path) -> None:
    outbox = Outbox.begin(tmp_path, None, name="fit", start_ms=1, tags={})
    (tmp_path / outbox.run / spool.LOG).unlink()
    os.mkfifo(tmp_path / outbox.run / spool.LOG)
    with pytest.raises(OSError, match="is a link or no plain file"):
        outbox.metrics()


def test_no_run_is_begun_where_a_link_leads(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox" / "run").symlink_to(other)
    with pytest.raises(OSError, match="'run' on the way is a link or no folder"):
        Outbox.begin(tmp_path / "outbox", "run", name="run", start_ms=1, tags={})
    assert list(other.iterdir()) == []


def test_the_plugin_is_not_placed_where_a_link_leads(tmp_path: Path) -> None:
    host, plugin = tmp_path / "host", tmp_path / "outbox" / "plugin"
    host.mkdir()
    plugin.mkdir(parents=True)
    (plugin / "galley_outbox").symlink_to(host)
    with pytest.raises(OSError, match="'galley_outbox' on the way is a link or no folder"):
        place(plugin)
    (plugin / "galley_outbox").unlink()
    (plugin / "galley_outbox").mkdir()
    (plugin / "galley_outbox" / "spool.py").symlink_to(host / "spool.py")
    with pytest.raises(OSError, match=r"spool\.py is a link or no plain file"):
        place(plugin)
    assert list(host.iterdir()) == []


def test_the_plugin_is_placed_once(tmp_path: Path) -> None:
    plugin = place_plugin(tmp_path)
    (mark := plugin / "mark").touch()
    assert place_plugin(tmp_path) == plugin
    assert mark.exists()


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        Outbox.begin(tmp_path / "file", None, name="fit", start_ms=1, tags={})
