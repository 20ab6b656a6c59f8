"""``galley.secret`` outside runs: in a person's own JupyterLab, and where nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import galley
import pytest
from galley.errors import InvalidInput, NotFound, NotSignedIn

from tests.galley.service.platform import Platform, running_platform, served

OWN = "ada's own value"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with running_platform(tmp_path / "home", lifespan=False) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GALLEY_URL", "GALLEY_TOKEN", "GALLEY_TENANT", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def test_in_jupyterlab_it_is_the_personal_value(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/services/galley/api/v1/tenants/oncology/personal-secrets/warehouse"
    done = platform.client.put(path, headers=platform.as_user("ada"), json={"value": OWN})
    assert done.status_code == 200, done.text
    token = platform.as_user("ada", server_of="oncology")["Authorization"]
    with served(platform) as url:
        monkeypatch.setenv("GALLEY_URL", f"{url}/services/galley")
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", token.removeprefix("Bearer "))
        assert galley.secret("warehouse") == OWN, "its token is of one tenant"
        monkeypatch.setenv("GALLEY_TENANT", "oncology")
        assert galley.secret("warehouse") == OWN
        with pytest.raises(NotFound, match="set one with `galley secret set other --personal"):
            galley.secret("other")
        monkeypatch.setenv("GALLEY_TENANT", "playground")
        with pytest.raises(NotFound):
            galley.secret("warehouse")


def test_where_no_platform_is_a_variable_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotSignedIn):
        galley.secret("my-db.password")
    monkeypatch.setenv("GALLEY_SECRET_MY_DB_PASSWORD", "from a variable")
    assert galley.secret("my-db.password") == "from a variable"
    with pytest.raises(InvalidInput, match="cannot be the name of a secret"):
        galley.secret("my password")


def test_a_run_that_was_given_none_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GALLEY_RUN_ID", "1")
    with pytest.raises(NotFound, match="with the name written out"):
        galley.secret("warehouse")
