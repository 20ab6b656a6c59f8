from __future__ import annotations

import stat
from pathlib import Path

import pytest
from galley.errors import Unavailable
from galley.vault import Place, Vault, make_keys, rotate_keys
from galley.vault.keys import read_keys

PLACE = Place("oncology", "", "warehouse")
VALUE = "tr0ub4dor & 3 ü"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "secret-keys"
    make_keys(path)
    return path


def test_what_is_sealed_opens_again_and_shows_nothing(keys: Path) -> None:
    vault = Vault(keys)
    sealed = vault.seal(PLACE, VALUE)
    assert b"tr0ub" not in sealed
    assert sealed != vault.seal(PLACE, VALUE), "equal values are not told by their tokens"
    assert Vault(keys).open(PLACE, sealed) == VALUE


def test_the_file_is_its_owners_and_is_made_once(keys: Path) -> None:
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    before = keys.read_text()
    make_keys(keys)
    assert keys.read_text() == before


@pytest.mark.parametrize(
    "other",
    [
        Place("winery", "", "warehouse"),
        Place("oncology", "ada", "warehouse"),
        PLACE._replace(name="x"),
    ],
)
def test_a_value_that_was_moved_does_not_open(keys: Path, other: Place) -> None:
    vault = Vault(keys)
    with pytest.raises(Unavailable, match="changed by hand"):
        vault.open(other, vault.seal(PLACE, VALUE))


def test_after_a_rotation_old_and_new_open_and_the_new_key_seals(keys: Path) -> None:
    vault = Vault(keys)
    old = vault.seal(PLACE, VALUE)
    (first,) = read_keys(keys)
    rotate_keys(keys)
    assert read_keys(keys)[1:] == [first]
    again = vault.reseal(PLACE, old)  # the same vault: it reads the file anew
    keys.write_text(read_keys(keys)[0] + "\n")
    assert vault.open(PLACE, again) == VALUE
    with pytest.raises(Unavailable, match="sealed with a key that is not in"):
        vault.open(PLACE, old)
    rotate_keys(keys)
    rotate_keys(keys)
    assert len(read_keys(keys)) == 2


def test_a_missing_file_is_said_and_comes_back(keys: Path) -> None:
    vault = Vault(keys)
    sealed = vault.seal(PLACE, VALUE)
    aside = keys.rename(keys.with_name("aside"))
    with pytest.raises(Unavailable, match=r"no file of keys .*Put it back from a backup"):
        vault.open(PLACE, sealed)
    aside.rename(keys)
    assert vault.open(PLACE, sealed) == VALUE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# none\n", "holds no key"),
        ("nonsense\n", "key 1 in .* is not a Fernet key"),
        ("ü", "not text"),
    ],
)
def test_a_file_of_something_else(keys: Path, text: str, said: str) -> None:
    keys.write_text(text)
    with pytest.raises(Unavailable, match=said):
        Vault(keys).seal(PLACE, VALUE)
