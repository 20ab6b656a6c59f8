"""Files of this process; the tests of families have those of others."""

from __future__ import annotations

import os
from pathlib import Path

from galley.run.held import deleted


def test_a_deleted_file_takes_space_until_it_is_closed(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file, (tmp_path / "kept").open("wb") as kept:
        for one in (file, kept):
            one.write(b"x" * 100_000)
            one.flush()
        assert deleted(tmp_path) == 0
        (tmp_path / "file").unlink()
        twice = os.dup(file.fileno())
        assert 100_000 <= deleted(tmp_path) < 200_000
        assert deleted(tmp_path / "elsewhere") == 0
        os.close(twice)
    assert deleted(tmp_path) == 0
