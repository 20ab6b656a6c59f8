from __future__ import annotations

from pathlib import Path

import pytest
from galley.errors import GalleyError
from galley.host.config import host_config


def test_the_token_is_read_once_and_its_file_deleted(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    config = host_config(
        {
            "GALLEY_SERVICE_URL": "http://127.0.0.1:8081/services/galley/",
            "GALLEY_HOST_TOKEN_FILE": str(token),
            "GALLEY_TENANT": "oncology",
            "GALLEY_HOST_NAME": "oncology",
            "GALLEY_HOST_SLOTS": "4",
            "HOME": str(tmp_path),
        }
    )
    assert config.token == "secret"
    assert not token.exists()
    assert config.origin == "http://127.0.0.1:8081"
    assert config.service_url == "http://127.0.0.1:8081/services/galley"
    assert (config.slots, config.once, config.folder) == (4, False, tmp_path / ".galley")


def test_missing_variables_are_named() -> None:
    with pytest.raises(GalleyError, match="GALLEY_HOST_TOKEN_FILE, GALLEY_TENANT"):
        host_config({"GALLEY_SERVICE_URL": "x", "GALLEY_HOST_NAME": "x"})


def test_where_packages_come_from_is_read_once_too(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    packages = tmp_path / "packages"
    packages.write_text('{"index": "https://bob:secret@index.example/simple"}')
    config = host_config(
        {
            "GALLEY_SERVICE_URL": "http://127.0.0.1:8081",
            "GALLEY_HOST_TOKEN_FILE": str(tmp_path / "token"),
            "GALLEY_TENANT": "oncology",
            "GALLEY_HOST_NAME": "oncology",
            "GALLEY_PACKAGES_FILE": str(packages),
            "GALLEY_ENVIRONMENTS": "/environments",
            "GALLEY_OWN_SCRATCH": "/tmp:/var/tmp",
        }
    )
    assert config.own_scratch == (Path("/tmp"), Path("/var/tmp"))
    assert config.packages.index == "https://bob:secret@index.example/simple"
    assert config.environments == Path("/environments")
    assert not packages.exists()
