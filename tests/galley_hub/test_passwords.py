from __future__ import annotations

from pathlib import Path

import pytest
from galley_hub.passwords import Passwords


def test_only_the_right_password_of_the_right_user_is_right(tmp_path: Path) -> None:
    passwords = Passwords(tmp_path / "passwords.json")
    passwords.set("alice", "correct horse")
    passwords.set("bob", "battery staple")
    assert passwords.verify("alice", "correct horse")
    assert not passwords.verify("alice", "battery staple")
    assert not passwords.verify("alice", "")
    assert passwords.users() == ["alice", "bob"]


def test_an_unknown_user_is_refused_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "passwords.json"
    assert not Passwords(path).verify("nobody", "anything")
    assert not path.exists()


def test_the_file_is_private_and_holds_no_password(tmp_path: Path) -> None:
    path = tmp_path / "hub" / "passwords.json"
    Passwords(path).set("alice", "correct horse")
    assert path.stat().st_mode & 0o777 == 0o600
    assert "correct horse" not in path.read_text()
    assert "scrypt$" in path.read_text()


def test_equal_passwords_have_different_hashes(tmp_path: Path) -> None:
    path = tmp_path / "passwords.json"
    for user in ("alice", "bob"):
        Passwords(path).set(user, "correct horse")
    hashes = Passwords(path)._read()
    assert hashes["alice"] != hashes["bob"]


def test_a_reset_counts_at_once_and_for_others(tmp_path: Path) -> None:
    path = tmp_path / "passwords.json"
    at_the_hub = Passwords(path)
    at_the_hub.set("alice", "the first one")
    Passwords(path).set("alice", "the second one")
    assert not at_the_hub.verify("alice", "the first one")
    assert at_the_hub.verify("alice", "the second one")


def test_a_removed_user_is_refused(tmp_path: Path) -> None:
    passwords = Passwords(tmp_path / "passwords.json")
    passwords.set("alice", "correct horse")
    passwords.remove("alice")
    assert not passwords.verify("alice", "correct horse")


def test_a_short_password_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    passwords = Passwords(tmp_path / "passwords.json")
    passwords.set("alice", "correct horse")
    with pytest.raises(ValueError, match="at least 8 characters"):
        passwords.set("alice", "short")
    assert passwords.verify("alice", "correct horse")


def test_generated_passwords_are_long_and_not_repeated() -> None:
    made = {Passwords.generate() for _ in range(100)}
    assert len(made) == 100
    assert all(len(password) == 19 for password in made)
