"""Where a client finds its address and token."""

from __future__ import annotations

from pathlib import Path

import pytest
from galley.client import Credentials, find_credentials, save_credentials
from galley.client.credentials import DEFAULT_URL
from galley.errors import NotSignedIn


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def test_what_login_saved_is_found_and_private(home: dict[str, str]) -> None:
    saved = Credentials(url="http://galley.test", token="t0ken", tenant="oncology")
    path = save_credentials(saved, home)
    assert path == Path(home["HOME"], ".config/galley/config.json")
    assert path.stat().st_mode & 0o777 == 0o600
    assert find_credentials(home) == saved
    save_credentials(saved.model_copy(update={"token": "other"}), home)
    assert find_credentials(home).token == "other"


def test_the_environment_comes_first(home: dict[str, str]) -> None:
    save_credentials(Credentials(url="http://saved.test", token="saved", tenant="a"), home)
    assert find_credentials({**home, "GALLEY_TOKEN": "t"}).url == "http://saved.test"
    both = {**home, "GALLEY_TOKEN": "t", "GALLEY_URL": "http://b.test", "GALLEY_TENANT": "c"}
    assert find_credentials(both) == Credentials(url="http://b.test", token="t", tenant="c")
    assert find_credentials({**home, "GALLEY_TENANT": "c"}).tenant == "c"


def test_a_server_uses_its_own_token(home: dict[str, str]) -> None:
    server = {
        **home,
        "GALLEY_URL": "http://127.0.0.1:8000/services/galley",
        "JUPYTERHUB_API_TOKEN": "servers",
        "GALLEY_TENANT": "oncology",
    }
    assert find_credentials(server).token == "servers"
    assert find_credentials({**server, "GALLEY_TOKEN": "mine"}).token == "mine"


def test_without_any_it_says_what_to_do(home: dict[str, str]) -> None:
    with pytest.raises(NotSignedIn, match="galley login") as caught:
        find_credentials(home)
    assert f"{DEFAULT_URL}/hub/token" in caught.value.detail


def test_a_broken_file_is_named(home: dict[str, str]) -> None:
    path = save_credentials(Credentials(url="http://a.test", token="t"), home)
    path.write_text("{")
    with pytest.raises(NotSignedIn, match=r"config\.json cannot be read"):
        find_credentials(home)
