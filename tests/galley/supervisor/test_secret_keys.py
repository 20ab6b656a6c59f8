"""The key that seals secrets: made with the state, never in place of one that is missing."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from galley.domain.settings import Settings
from galley.store import Store, secrets
from galley.supervisor.credentials import make_secret_keys
from galley.supervisor.home import make_folders
from galley.supervisor.refusal import Refusal
from galley.vault import Place, Vault


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(
        home=tmp_path,
        tenants_file=tmp_path / "tenants.yaml",
        hub_port=1,
        proxy_api_port=2,
        service_port=3,
        isolation="none",
    )
    make_folders(made)
    return made


def database(settings: Settings) -> Store:
    store = Store(f"sqlite:///{settings.service_state / 'galley.db'}")
    store.migrate()
    return store


def seal_one(settings: Settings) -> None:
    store, place = database(settings), Place("oncology", "", "warehouse")
    sealed = Vault(settings.secret_keys).seal(place, "tr0ub4dor")
    now = datetime(2026, 3, 2, tzinfo=UTC)
    store.write(lambda s: secrets.put(s, *place, sealed, description=None, by="olga", now=now))
    store.close()


def test_it_is_made_once_for_its_owner_alone(settings: Settings) -> None:
    assert make_secret_keys(settings) is None
    before = settings.secret_keys.read_bytes()
    assert stat.S_IMODE(settings.secret_keys.stat().st_mode) == 0o600
    database(settings).close()
    assert make_secret_keys(settings) is None
    assert settings.secret_keys.read_bytes() == before


def test_a_lost_key_is_said_and_not_replaced(settings: Settings) -> None:
    make_secret_keys(settings)
    seal_one(settings)
    settings.secret_keys.unlink()
    problem = make_secret_keys(settings)
    assert problem is not None
    assert "Put it back from a backup" in problem
    assert not settings.secret_keys.exists()


def test_with_nothing_sealed_a_new_one_does_no_harm(settings: Settings) -> None:
    database(settings).close()
    assert make_secret_keys(settings) is None
    assert settings.secret_keys.exists()


def test_a_database_without_secrets_of_an_earlier_release(settings: Settings) -> None:
    (settings.service_state / "galley.db").touch()
    assert make_secret_keys(settings) is None


def test_a_file_of_the_operators_own(settings: Settings, tmp_path: Path) -> None:
    own = tmp_path / "elsewhere-keys"
    elsewhere = settings.model_copy(update={"secret_keys_file": own})
    assert make_secret_keys(elsewhere) is None
    assert own.exists()
    assert not (settings.secrets / "secret-keys").exists()
    own.write_text("not a key\n")
    assert "is not a Fernet key" in (make_secret_keys(elsewhere) or "")


def test_a_folder_that_is_not_there_is_refused(settings: Settings, tmp_path: Path) -> None:
    nowhere = settings.model_copy(update={"secret_keys_file": tmp_path / "no" / "keys"})
    with pytest.raises(Refusal, match="cannot be written: No such file"):
        make_secret_keys(nowhere)
