from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from galley.sandbox.identities import FIRST_UID, Identities


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The registry as root keeps it."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path / "hub" / "uids.json"


def test_each_member_in_each_tenant_and_each_tenant_has_a_number(path: Path) -> None:
    known = Identities(path)
    made = [
        known.user("alice", "oncology"),
        known.user("alice", "playground"),
        known.user("bob", "oncology"),
        known.tenant("oncology"),
    ]
    assert made == [FIRST_UID, FIRST_UID + 1, FIRST_UID + 2, FIRST_UID + 3]
    assert known.group("oncology") == known.tenant("oncology") == made[3]


def test_a_user_named_like_a_tenant_is_somebody_else(path: Path) -> None:
    known = Identities(path)
    assert known.user("oncology", "oncology") != known.tenant("oncology")


def test_numbers_stay_after_a_restart_and_come_in_any_order(path: Path) -> None:
    first = Identities(path)
    alice, bob = first.user("alice", "oncology"), first.user("bob", "oncology")
    again = Identities(path)
    assert (again.user("bob", "oncology"), again.user("alice", "oncology")) == (bob, alice)


def test_the_registry_is_private(path: Path) -> None:
    Identities(path).tenant("oncology")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_number_is_never_given_again(path: Path) -> None:
    """Not even the largest one's, which a file edited by hand may leave above a gap."""
    path.parent.mkdir()
    path.write_text(json.dumps({"user/oncology/gone": FIRST_UID + 7}))
    assert Identities(path).user("alice", "oncology") == FIRST_UID + 8


def test_processes_at_the_same_time_get_different_numbers(tmp_path: Path) -> None:
    path = tmp_path / "uids.json"
    code = (
        "import os, sys; from pathlib import Path; os.geteuid = lambda: 0\n"
        "from galley.sandbox.identities import Identities\n"
        "known = Identities(Path(sys.argv[1]))\n"
        "print([known.user(f'user{i}', sys.argv[2]) for i in range(50)])"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path), name], stdout=subprocess.PIPE, text=True
        )
        for name in ("one", "two", "three")
    ]
    given = [number for process in running for number in json.loads(process.communicate()[0])]
    assert sorted(given) == list(range(FIRST_UID, FIRST_UID + 150))


def test_an_ordinary_user_has_one_identity_to_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getgid", lambda: 1001)
    known = Identities(tmp_path / "uids.json")
    assert known.user("alice", "oncology") == known.tenant("winery") == 1000
    assert known.group("winery") == 1001
    assert not (tmp_path / "uids.json").exists()
