"""Looking at files: where one may look, and what tells one version from the next."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import fsspec
import httpx
import pytest
from galley.domain.settings import Settings
from galley.domain.tenants import Tenant, Tenants
from galley.errors import InvalidInput
from galley.schedule.watch import Look, Watched
from galley.service import file_versions, watching
from galley.service.file_versions import Place, version_at
from galley.service.watching import Watcher, check_reachable, locate

from tests.galley.world import TENANTS


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path,
        tenants_file=tmp_path / "tenants.yaml",
        hub_port=1,
        proxy_api_port=2,
        service_port=3,
        isolation="full",
    )


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "in"
    folder.mkdir(parents=True)
    return folder


def tenant(*watch: str) -> Tenant:
    declared = TENANTS.tenants["lab"].model_dump(mode="json")
    return Tenant.model_validate(
        {**declared, "datasets": {"in": {"uri": "data/in"}}, "watch": watch}
    )


def at(settings: Settings, url: str, *watch: str) -> str | None:
    return version_at(locate(settings, "lab", tenant(*watch), url))


def test_a_file_of_a_dataset_is_told_by_time_and_size(settings: Settings, landing: Path) -> None:
    file = landing / "a.csv"
    assert at(settings, "/datasets/in/a.csv") is None
    file.write_text("1")
    first = at(settings, "/datasets/in/a.csv")
    assert first == at(settings, "/datasets/in/a.csv")
    os.utime(file, (1, 1))
    second = at(settings, "/datasets/in/a.csv")
    file.write_text("22")
    os.utime(file, (1, 1))
    third = at(settings, "/datasets/in/a.csv")
    assert len({None, first, second, third}) == 4


def test_only_metadata_is_asked_for(settings: Settings, landing: Path) -> None:
    file = landing / "secret.csv"
    file.write_text("1")
    opened: list[Any] = []
    real = os.open

    def noting(path: Any, *rest: Any, **more: Any) -> int:
        opened.append(path)
        return real(path, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.open", noting)
        patch.setattr("builtins.open", noting)
        assert at(settings, "/datasets/in/secret.csv")
        assert at(settings, "/datasets/in")
    assert not opened


def test_a_folder_is_told_by_its_entries(settings: Settings, landing: Path) -> None:
    versions = [at(settings, "/datasets/in/")]
    for name in ("a", "b"):
        (landing / name).write_text("1")
        versions.append(at(settings, "/datasets/in"))
    (landing / "a").write_text("22")
    versions.append(at(settings, "/datasets/in"))
    assert len(set(versions)) == 4


def test_a_table_is_told_by_its_newest_commit(settings: Settings, landing: Path) -> None:
    log = landing / "sales" / "_delta_log"
    log.mkdir(parents=True)
    for number in (0, 9, 10):
        (log / f"{number:020}.json").write_text("{}")
    (log / "_last_checkpoint").write_text("{}")
    assert at(settings, "/datasets/in/sales") == f"delta {10:020}"
    (landing / "sales" / "part-0.parquet").write_text("not committed")
    assert at(settings, "/datasets/in/sales") == f"delta {10:020}"
    metadata = landing / "ice" / "metadata"
    metadata.mkdir(parents=True)
    for name in ("v9", "v10"):
        (metadata / f"{name}.metadata.json").write_text("{}")
    assert at(settings, "/datasets/in/ice") == "iceberg v10.metadata"


def test_links_within_a_watched_folder_lead_nowhere(settings: Settings, landing: Path) -> None:
    outside = settings.home / "secrets"
    outside.mkdir()
    token = outside / "token"
    token.write_text("x")
    (landing / "folder").mkdir()
    (landing / "folder" / "link").symlink_to(token)
    before = at(settings, "/datasets/in/folder")
    token.write_text("longer")
    assert at(settings, "/datasets/in/folder") == before, "it would tell of what lies elsewhere"
    (outside / f"{7:020}.json").write_text("{}")
    for name in ("_delta_log", "metadata"):
        (landing / name).mkdir()
        (landing / name / name).symlink_to(outside)
        with pytest.raises(InvalidInput, match="leads out of the folder"):
            at(settings, f"/datasets/in/{name}")


def test_a_folder_or_a_log_of_millions_is_counted_no_further_than_the_limit(
    settings: Settings, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_versions, "MOST_ENTRIES", 3)
    monkeypatch.setattr(file_versions, "MOST_COMMITS", 4)
    log = landing / "table" / "_delta_log"
    log.mkdir(parents=True)
    for number in range(4):
        (landing / f"{number}").touch()
        (log / f"{number:020}.json").touch()
    assert at(settings, "/datasets/in/table") == f"delta {3:020}"
    with pytest.raises(InvalidInput, match="more than 3 entries"):
        at(settings, "/datasets/in")
    (log / "rest").touch()
    with pytest.raises(InvalidInput, match="log has more than 4 entries"):
        at(settings, "/datasets/in/table")


def test_a_dataset_that_is_away_is_no_file_that_has_gone(settings: Settings) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        at(settings, "/datasets/in/a.csv")
    assert "/datasets/in/a.csv" in str(caught.value)
    assert str(settings.home) not in str(caught.value)


def test_a_link_out_of_the_dataset_is_not_followed(settings: Settings, landing: Path) -> None:
    outside = settings.home / "secrets"
    outside.mkdir()
    (outside / "token").write_text("x")
    (landing / "file").symlink_to(outside / "token")
    (landing / "folder").symlink_to(outside)
    (landing / "real").write_text("y")
    (landing / "alias").symlink_to(landing / "real")
    for path in ("file", "folder/token", "folder"):
        with pytest.raises(InvalidInput, match="leads out of the folder") as caught:
            at(settings, f"/datasets/in/{path}")
        assert f"'/datasets/in/{path}'" in str(caught.value), "and not where it is on this machine"
    assert at(settings, "/datasets/in/alias") == at(settings, "/datasets/in/real")


@pytest.mark.parametrize(
    "url",
    [
        "/datasets/in/../../secrets/token",
        "/datasets/in/%2e%2e/secrets",
        "/datasets/other/a",
        "/datasets",
        "/etc/passwd",
        "relative/a.csv",
        "file:///etc/passwd",
        "file:///srv/landing-of-others/a",
        "file:///srv/landing/../secrets",
        "s3://bucket/landing/",
        "s3://bucket/other/a.csv",
        "s3://bucket/landing/a?versionId=1",
        "simplecache::s3://bucket/landing/a",
        "zip://a.csv::file:///srv/landing/a.zip",
        "http://169.254.169.254/latest/meta-data",
        "memory://x\0",
        "http://[::1",
    ],
)
def test_elsewhere_is_refused_with_what_is_allowed(settings: Settings, url: str) -> None:
    allowed = tenant("file:///srv/landing", "s3://bucket/landing/")
    with pytest.raises(InvalidInput, match="/datasets/in/…, file:///srv/landing/") as caught:
        locate(settings, "lab", allowed, url)
    assert caught.value.field == "source.url"


@pytest.mark.parametrize(
    "url", ["landing", "s3:", "s3://key:secret@bucket/", "s3://bucket/../x", "a::s3://bucket/"]
)
def test_the_operators_mistakes_are_told(url: str) -> None:
    with pytest.raises(ValueError, match="watch"):
        tenant(url)


def test_what_is_not_installed_is_told_at_once() -> None:
    with pytest.raises(InvalidInput, match="s3fs"):
        check_reachable(Place("s3://bucket/landing/a.csv", None))
    with pytest.raises(InvalidInput, match="nowhere"):
        check_reachable(Place("nowhere://a", None))


def test_nothing_is_connected_to_before_a_look() -> None:
    check_reachable(Place("ftp://127.0.0.1:1/a", None))
    check_reachable(Place("/datasets/in/a.csv", Path("/")))


class _WithTags(SimpleHTTPRequestHandler):
    def send_head(self) -> Any:
        """Answer with the status that a file is named for, or with the file."""
        name = Path(self.path).stem
        if not name.isdigit():
            return super().send_head()
        self.send_response(int(name))
        self.send_header("Location", "/a.csv")
        self.send_header("ETag", "of what was asked")
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    def end_headers(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_file():
            self.send_header("ETag", f'"{path.read_text()}"')
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "shop"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_WithTags, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_object_elsewhere_is_told_by_its_tag(settings: Settings, shop: tuple[Path, str]) -> None:
    folder, url = shop
    assert at(settings, f"{url}a.csv", url) is None
    file = folder / "a.csv"
    seen = []
    for content in ("one", "two"):
        file.write_text(content)
        os.utime(file, (1, 1))
        seen.append(at(settings, f"{url}a.csv", url))
    assert None not in seen
    assert seen[0] != seen[1]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_server_that_does_not_tell_is_no_file_that_has_gone(
    settings: Settings, shop: tuple[Path, str], status: int
) -> None:
    _, url = shop
    with pytest.raises(OSError, match=f"answers {status}"):
        at(settings, f"{url}{status}.csv", url)


def test_an_outage_changes_nothing(settings: Settings) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        with pytest.raises(httpx.ConnectError):
            at(settings, f"{url}a.csv", url)


@pytest.mark.parametrize("status", [404, 410])
def test_only_the_servers_word_counts_for_one_that_is_gone(
    settings: Settings, shop: tuple[Path, str], status: int
) -> None:
    _, url = shop
    assert at(settings, f"{url}{status}.csv", url) is None


def test_no_redirect_is_followed(settings: Settings, shop: tuple[Path, str]) -> None:
    folder, url = shop
    (folder / "a.csv").write_text("one")
    with pytest.raises(InvalidInput, match=r"leads elsewhere \(302\)"):
        at(settings, f"{url}302.csv", url)


def test_elsewhere_one_object_or_one_table_is_watched(settings: Settings) -> None:
    files = fsspec.filesystem("memory")
    files.pipe("/landing/a.csv", b"1")
    files.pipe(f"/landing/sales/_delta_log/{3:020}.json", b"{}")
    url = "memory://landing/"
    assert at(settings, f"{url}sales", url) == f"delta {3:020}"
    assert at(settings, f"{url}a.csv", url) != at(settings, f"{url}gone.csv", url) is None
    files.pipe("/landing/folder/a.csv", b"1")
    with pytest.raises(InvalidInput, match="one object or one table"):
        at(settings, f"{url}folder", url)


def test_one_that_hangs_holds_up_no_other(
    settings: Settings, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (landing / "a.csv").write_text("1")
    hung, asked = threading.Event(), []

    def version(place: Place) -> str | None:
        if place.url.endswith("slow.csv"):
            asked.append(place)
            hung.wait()
        return version_at(place)

    monkeypatch.setattr(watching, "version_at", version)
    monkeypatch.setattr(watching, "PATIENCE_S", 0.2)
    tenants = Tenants(tenants={"lab": tenant()})
    watcher = Watcher(settings, lambda: tenants)
    names = ("slow.csv", "a.csv", "gone.csv")
    slow, fast, gone = (Watched(uuid4(), "lab", f"/datasets/in/{name}") for name in names)
    bad = Watched(uuid4(), "lab", "/etc/passwd")
    try:
        first, second, third, fourth = watcher.look([slow, fast, gone, bad])
        assert (first.version, first.error) == (None, "no answer within 0.2 s")
        assert second.version is not None
        assert (third.version, third.error) == (None, None)
        assert "is in no dataset" in str(fourth.error)
        watcher.look([slow])
        assert len(asked) == 1, "it is not asked again while it hangs"
    finally:
        hung.set()


def test_places_that_hang_hold_up_only_their_own_tenant(
    settings: Settings, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (landing / "a.csv").write_text("1")
    hung, asked = threading.Event(), []

    def version(place: Place) -> str | None:
        if "slow" in place.url:
            asked.append(place.url)
            hung.wait()
        return version_at(place)

    monkeypatch.setattr(watching, "version_at", version)
    monkeypatch.setattr(watching, "PASS_S", 0.2)
    tenants = Tenants(tenants={"lab": tenant(), "play": tenant()})
    watcher = Watcher(settings, lambda: tenants)
    slow = [Watched(uuid4(), "lab", f"/datasets/in/slow-{n}.csv") for n in range(20)]
    fast = [Watched(uuid4(), name, "/datasets/in/a.csv") for name in ("play", "lab")]
    try:
        found = watcher.look([*slow, *fast])
        assert [(one.trigger, one.error) for one in found] == [(fast[0].trigger, None)]
        assert len(asked) == watching.MOST_AT_A_TIME
        assert all(one.daemon for one in threading.enumerate() if one.name == "galley-watch")
        monkeypatch.setattr(watching, "PATIENCE_S", 0.0)
        failed = {one.trigger for one in watcher.look(slow) if one.error}
        assert failed == {one.trigger for one in slow[: watching.MOST_AT_A_TIME]}
        monkeypatch.setattr(watching, "PATIENCE_S", 20.0)
    finally:
        hung.set()
    seen: set[UUID] = set()
    while len(seen) < len(slow) + 1:
        looks = watcher.look([one for one in [*slow, fast[1]] if one.trigger not in seen])
        assert {one.error for one in looks} == {None}
        seen |= {one.trigger for one in looks}


def test_an_answer_that_came_too_late_is_not_taken(
    settings: Settings, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung, answered = threading.Event(), threading.Event()

    def late(place: Place) -> str | None:
        version = version_at(place)
        hung.wait()
        answered.set()
        return version

    monkeypatch.setattr(watching, "version_at", late)
    monkeypatch.setattr(watching, "PATIENCE_S", 0.05)
    watcher = Watcher(settings, lambda: Tenants(tenants={"lab": tenant()}))
    one = Watched(uuid4(), "lab", "/datasets/in/a.csv")
    (look,) = watcher.look([one])
    assert look.error == "no answer within 0.05 s"
    (landing / "a.csv").write_text("1")
    hung.set()
    answered.wait()
    for thread in threading.enumerate():
        if thread.name == "galley-watch":
            thread.join()
    found: list[Look] = []
    while not found or found[0].error is not None:
        found = watcher.look([one])
    assert found[0].version == version_at(locate(settings, "lab", tenant(), one.url))
