from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from galley.domain.runs import AttemptState
from galley.inside.outbox import spool
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


def test_the_plugin_is_placed_once(tmp_path: Path) -> None:
    plugin = place_plugin(tmp_path)
    (mark := plugin / "mark").touch()
    assert place_plugin(tmp_path) == plugin
    assert mark.exists()


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        Outbox.begin(tmp_path / "file", None, name="fit", start_ms=1, tags={})
