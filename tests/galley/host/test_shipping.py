from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from galley.domain.usage import Used
from galley.host.shipping import MAX_CHUNK, LogShipper, NotebookShipper, UsageShipper


def test_the_log_goes_in_pieces_that_are_confirmed(tmp_path: Path) -> None:
    path = tmp_path / "attempt.log"
    log = LogShipper(path)
    assert (log.next(), log.waiting) == ("", False)
    path.write_text("one\ntwo\nthr")
    assert log.next() == log.next() == "one\ntwo\n"
    log.shipped("one\ntwo\n")
    assert (log.offset, log.waiting) == (8, True)
    assert log.next() == "thr"


def test_a_piece_never_cuts_a_character(tmp_path: Path) -> None:
    path = tmp_path / "attempt.log"
    text = "x" + "é" * MAX_CHUNK
    path.write_text(text)
    log, whole = LogShipper(path), ""
    while piece := log.next():
        log.shipped(piece)
        whole += piece
    assert whole == text


def test_what_tasks_use_goes_in_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    usage = UsageShipper(path)
    assert usage.next() == ("", ())
    point = Used(task="fit", at=datetime(2026, 11, 21, tzinfo=UTC), memory=5, cpu_s=1)
    path.write_text(f"{point.model_dump_json()}\n{point.model_dump_json()[:9]}")
    text, points = usage.next()
    assert points == (point,)
    usage.shipped(text)
    assert usage.next() == ("", ())


def test_notebooks_are_uploaded_when_they_changed_and_are_complete(tmp_path: Path) -> None:
    sent: list[tuple[str, bytes]] = []
    shipper = NotebookShipper(tmp_path, lambda task, content: sent.append((task, content)))
    (tmp_path / "fit.ipynb").write_text('{"cells": [')
    shipper.ship()
    assert sent == []
    (tmp_path / "fit.ipynb").write_text('{"cells": []}')
    shipper.ship()
    shipper.ship()
    assert sent == [("fit", b'{"cells": []}')]
