from __future__ import annotations

import threading
from pathlib import Path

from galley.run.scratch import ScratchGuard, size_of


def test_size_counts_what_is_on_disk_and_follows_no_links(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to("/usr")
    assert 100_000 <= size_of(tmp_path) < 200_000


def test_a_full_folder_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    told = threading.Event()
    used: list[int] = []

    def on_full(size: int) -> None:
        used.append(size)
        told.set()

    guard = ScratchGuard(tmp_path, 50_000, on_full)
    guard.start()
    assert told.wait(30)
    guard.close()
    assert len(used) == 1
    assert used[0] >= 100_000
