"""Environments of a person's own, with a real uv and their own configuration of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from galley.cli import main
from galley.domain.packages import personal_cache
from galley.errors import InvalidInput
from galley.locking import lock_text, personal_environment, resolve
from packaging.requirements import Requirement

from tests.galley.locking.wheels import offline, write_platform, write_wheel


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """The file of a lock whose wheels lie in ``tmp_path/wheels``."""
    write_platform(tmp_path / "wheels")
    write_wheel(tmp_path / "wheels", "greeting", "1.0")
    path = tmp_path / "requirements.lock"
    path.write_text(lock_text(resolve([Requirement("greeting==1.0")], offline(tmp_path))))
    return path


def own(tmp_path: Path) -> dict[str, str]:
    """The environment of a person whose uv is configured to know those wheels alone."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "UV_FIND_LINKS": str(tmp_path / "wheels"),
        "UV_OFFLINE": "true",
    }


def test_it_is_made_once_in_the_cache_folder(tmp_path: Path, lock: Path) -> None:
    environment, told = own(tmp_path), []
    one = personal_environment(lock.read_text(), environment, making=lambda: told.append(1))
    again = personal_environment(lock.read_text(), environment, making=lambda: told.append(2))
    assert (one.made, again.made, told) == (True, False, [1])
    assert one.python == again.python
    assert one.python.is_relative_to(tmp_path / "home" / ".cache" / "galley" / "made")
    assert one.python.exists()
    elsewhere = personal_cache({"HOME": "/h", "XDG_CACHE_HOME": "/c"})
    assert elsewhere == Path("/c/galley")


def test_what_is_no_lock_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no lock"):
        personal_environment("pandas\n", own(tmp_path))
    assert not (tmp_path / "home").exists()


def test_the_command_prints_the_interpreter(tmp_path: Path, lock: Path) -> None:
    environment = {name: None for name in os.environ if name.startswith(("UV_", "XDG_"))}

    def galley(*words: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(
            main, ("environment", *words), env={**environment, **own(tmp_path)}
        )
        return done.exit_code, done.stdout, done.stderr

    code, first, _ = galley(str(lock))
    assert code == 0
    told, python = first.splitlines()
    assert "once" in told
    assert Path(python).exists()
    assert json.loads(galley(str(lock), "--json")[1]) == {"python": python, "made": False}
    (tmp_path / "wheels" / "greeting-1.0-py3-none-any.whl").unlink()
    other = tmp_path / "other.lock"
    other.write_text(lock.read_text().replace("greeting==1.0", "greeting==3.0"))
    code, _, complaint = galley(str(other))
    assert code == 1
    assert "greeting" in complaint
    assert galley(str(tmp_path / "none.lock"))[0] == 2
