from __future__ import annotations

import os
import pickle
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from galley.errors import NotFound
from galley.registry.blobs import Blobs, DamagedBlob
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@given(data=st.binary(max_size=2000))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_put_is_got(tmp_path: Path, data: bytes) -> None:
    blobs = Blobs(tmp_path)
    digest = blobs.put(data)
    assert digest == sha256(data).hexdigest()
    assert blobs.get(digest) == data
    assert digest in blobs


def test_same_bytes_are_one_file(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    assert blobs.put(b"a") == blobs.put(b"a")
    assert [path.is_file() for path in tmp_path.rglob("*") if path.is_file()] == [True]
    assert list(blobs) == [sha256(b"a").hexdigest()]


def test_many_writers_leave_no_half_written_file(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    payloads = [bytes([number % 4]) * 50_000 for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(blobs.put, payloads))
    assert len(set(digests)) == 4
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 4
    assert all(blobs.get(name) == data for name, data in zip(digests, payloads, strict=True))


def test_damage_is_seen_and_mended_by_writing_again(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    digest = blobs.put(b"precious")
    path = tmp_path / digest[:2] / digest
    path.chmod(0o600)
    path.write_bytes(b"precioux")
    with pytest.raises(DamagedBlob) as caught:
        blobs.get(digest)
    assert caught.value.digest == digest
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    blobs.put(b"precious")
    assert blobs.get(digest) == b"precious"


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("galley.registry.blobs.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        Blobs(tmp_path).put(b"a")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["0" * 64, "../../etc/passwd", "", "A" * 64])
def test_an_unknown_name_is_not_found(tmp_path: Path, name: str) -> None:
    blobs = Blobs(tmp_path)
    with pytest.raises(NotFound, match="blob"):
        blobs.get(name)
    assert name not in blobs


def test_removing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    digest = blobs.put(b"a")
    blobs.remove(digest)
    blobs.remove(digest)
    assert digest not in blobs


def test_what_is_put_again_while_it_is_swept_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs, now = Blobs(tmp_path), datetime.now(UTC)
    digest = blobs.put(b"a")
    path, long_ago = blobs.root / digest[:2] / digest, (now - timedelta(days=30)).timestamp()
    os.utime(path, (long_ago, long_ago))
    touch, sweepers = os.utime, ThreadPoolExecutor(1)
    swept: list[Future[int]] = []

    def sweep_before(target: Path) -> None:
        swept.append(sweepers.submit(blobs.sweep, set(), now - timedelta(days=7)))
        wait(swept, timeout=0.3)  # it is through by then, or waits itself
        touch(target)

    monkeypatch.setattr(os, "utime", sweep_before)
    assert blobs.put(b"a") == digest
    assert swept[0].result(30) == 0
    assert blobs.get(digest) == b"a"
