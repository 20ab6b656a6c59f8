from __future__ import annotations

from pathlib import Path

import pytest
from galley.errors import NotFound
from galley.service import PREFIX, pages

from tests.galley.service.platform import Platform


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "standalone"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Galley</title>")
    (folder / "assets" / "main.0123456789abcdef.js").write_text("1")
    (folder / "logo.svg").write_text("<svg/>")
    (tmp_path / "secret").write_text("secret")
    monkeypatch.setattr(pages, "standalone_folder", lambda: folder)
    return folder


def test_every_address_of_the_page_is_its_shell(platform: Platform, built: Path) -> None:
    cookie = {"Cookie": platform.in_browser("ada")["Cookie"]}
    for path in ("/", "/tenants/oncology/pipelines/x", "/runs/1", "/reviews/1"):
        answer = platform.client.get(PREFIX + path, headers=cookie)
        assert answer.status_code == 200
        assert "<title>Galley</title>" in answer.text
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy
    assert platform.client.get(f"{PREFIX}/api/v1/x", headers=cookie).status_code == 404


def test_files_with_a_hash_are_kept_for_ever_and_others_are_not(
    platform: Platform, built: Path
) -> None:
    hashed = platform.client.get(f"{PREFIX}/static/assets/main.0123456789abcdef.js")
    assert hashed.headers["cache-control"] == pages.FOR_EVER
    plain = platform.client.get(f"{PREFIX}/static/logo.svg")
    assert plain.headers["cache-control"] == "no-cache"
    assert platform.client.get(f"{PREFIX}/static/missing.js").status_code == 404


@pytest.mark.parametrize("path", ["../secret", "assets/../../secret", "/etc/passwd", "assets", ""])
def test_no_file_outside_is_sent(built: Path, path: str) -> None:
    with pytest.raises(NotFound):
        pages.static_file(built, path)


def test_without_a_build_the_page_says_what_to_do(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "standalone_folder", lambda: None)
    cookie = {"Cookie": platform.in_browser("ada")["Cookie"]}
    answer = platform.client.get(f"{PREFIX}/", headers=cookie)
    assert answer.status_code == 200
    assert "make up" in answer.text


def test_a_session_that_ended_signs_in_again(platform: Platform) -> None:
    answer = platform.client.get(f"{PREFIX}/", headers={"Cookie": "service-galley=old"})
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/hub/api/oauth2/authorize")
