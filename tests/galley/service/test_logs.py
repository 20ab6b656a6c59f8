from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from galley.service import logs
from galley.service.logs import Logs

from tests.galley.service.full_disk import full_disk


def test_a_repeated_part_is_kept_once(tmp_path: Path) -> None:
    kept, attempt = Logs(tmp_path), uuid4()
    assert kept.append(attempt, 0, "one\n") == 4
    assert kept.append(attempt, 0, "one\n") == 4
    assert kept.append(attempt, 0, "one\ntwo\n") == 8
    assert kept.read(attempt, 0, 100) == ("one\ntwo\n", 0, 8, 8)
    assert kept.read(attempt, 4, 100) == ("two\n", 4, 8, 8)


@pytest.mark.parametrize("room", [0, 6, 9, 20])
def test_what_a_full_disk_did_not_take_is_sent_again(tmp_path: Path, room: int) -> None:
    kept, attempt = Logs(tmp_path), uuid4()
    with full_disk(room), pytest.raises(OSError, match="too large"):
        kept.append(attempt, 0, "première ligne, à moitié\n")
    assert kept.size(attempt) <= room
    whole = "première ligne, à moitié\ndeuxième\n"
    assert kept.append(attempt, 0, whole) == len(whole.encode())
    assert kept.read(attempt, 0, 100)[0] == whole


def test_it_is_read_in_whole_characters(tmp_path: Path) -> None:
    kept, attempt = Logs(tmp_path), uuid4()
    kept.append(attempt, 0, "aé日🎈z")
    offset, read = 0, ""
    while offset < kept.size(attempt):
        text, _, after, _ = kept.read(attempt, offset, 4)
        assert after > offset
        read, offset = read + text, after
    assert read == "aé日🎈z"


def test_long_logs_are_segments_that_read_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "SEGMENT", 10)
    kept, attempt, whole = Logs(tmp_path), uuid4(), ""
    for i in range(20):
        kept.append(attempt, len(whole), f"line {i:02}\n")
        whole += f"line {i:02}\n"
    assert len(list((tmp_path / str(attempt)).glob("*.log"))) == 10
    assert kept.read(attempt, 0, 1000)[0] == whole
    assert kept.read(attempt, 75, 30)[0] == whole[75:105]


def test_the_whole_log_comes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "SEGMENT", 1000)
    monkeypatch.setattr(logs, "PIECE", 300)
    kept, attempt, whole = Logs(tmp_path), uuid4(), "".join(f"line {i}\n" for i in range(500))
    for start in range(0, len(whole), 700):
        kept.append(attempt, start, whole[start : start + 700])
    pieces = list(kept.pieces(attempt))
    assert b"".join(pieces).decode() == whole
    assert max(map(len, pieces)) <= 300
    assert list(kept.pieces(uuid4())) == []


def test_a_hole_stays_a_hole(tmp_path: Path) -> None:
    kept, attempt = Logs(tmp_path), uuid4()
    kept.append(attempt, 0, "before")
    assert kept.append(attempt, 100, "after") == 105
    assert kept.read(attempt, 0, 1000) == ("before", 0, 6, 105)
    assert kept.read(attempt, 6, 1000) == ("after", 100, 105, 105)


def test_what_is_over_the_limit_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_LOG", 8)
    kept, attempt = Logs(tmp_path), uuid4()
    assert kept.append(attempt, 0, "0123456789") == 8
    assert kept.append(attempt, 10, "more") == 8


def test_no_log_is_an_empty_one(tmp_path: Path) -> None:
    assert Logs(tmp_path).read(uuid4(), 0, 10) == ("", 0, 0, 0)
