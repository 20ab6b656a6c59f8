"""A deployment whose state lies on a server: refused or prepared before anything starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from galley.cli import main
from galley.domain.settings import Settings
from galley.errors import GalleyError
from galley.sandbox.capabilities import Capabilities
from galley.store import Store, secrets
from galley.store.records import SecretRow
from galley.supervisor.backup import backup, restore
from galley.supervisor.credentials import make_secret_keys
from galley.supervisor.database import prepare_database
from galley.supervisor.home import HomeLock, make_folders, open_home
from galley.supervisor.options import Options
from galley.supervisor.plan import child_specs, make_settings, read_settings
from galley.supervisor.refusal import Refusal

from tests.galley.postgres import Cluster, running_cluster
from tests.journey.platform import free_port

HERE = Capabilities(isolated=True, internet=True, as_root=True)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


def settings_for(home: Path, url: str | None, processes: int = 1, *, new: bool = False) -> Settings:
    open_home(home)
    options = Options(
        home=home,
        port=free_port(),
        database_url=url,
        service_processes=processes,
        new_database=new,
    )
    settings = make_settings(options, home, HERE)
    make_folders(settings)
    return settings


def test_without_a_url_the_state_is_a_file(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "home", None)
    assert settings.database == f"sqlite:///{tmp_path}/home/service/galley.db"
    prepare_database(settings)
    assert not (tmp_path / "home" / "service" / "galley.db").exists(), "the service makes it"


def test_the_url_reaches_the_service_and_is_never_shown(tmp_path: Path) -> None:
    url = "postgresql://ana:hunter2@db.example/galley"
    settings = settings_for(tmp_path / "home", url)
    assert settings.database == "postgresql+psycopg://ana:hunter2@db.example/galley"
    assert read_settings(tmp_path / "home") == settings
    assert (tmp_path / "home" / "settings.json").stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in f"{settings!r} {settings}"
    (tmp_path / "home" / "secrets" / "proxy-token").write_text("token")
    assert "hunter2" not in str(child_specs(settings, tmp_path / "proxy"))
    with pytest.raises(GalleyError, match="pg_dump") as caught:
        backup(tmp_path / "home", tmp_path / "state.tar.gz")
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "state.tar.gz").exists()
    assert backup(tmp_path / "home", tmp_path / "state.tar.gz", files_only=True) > 0


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://ana:hunter2@here/x", "is not supported"),
        ("sqlite:////tmp/x.db", "SQLite always lies in the state directory"),
        ("hunter2", "cannot be read"),
    ],
)
def test_another_kind_of_database_is_refused(tmp_path: Path, url: str, why: str) -> None:
    with pytest.raises(Refusal, match=f"GALLEY_DATABASE_URL.*{why}") as caught:
        settings_for(tmp_path / "home", url)
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "home" / "settings.json").exists()


def test_a_server_that_is_not_there_is_said_before_anything_starts(tmp_path: Path) -> None:
    url = "postgresql://ana:hunter2@/galley?host=/nowhere"
    with pytest.raises(Refusal, match="Check that the server runs") as caught:
        prepare_database(settings_for(tmp_path / "home", url))
    assert "hunter2" not in str(caught.value)


def test_a_state_is_not_started_with_another_database_unless_it_is_meant(
    tmp_path: Path, cluster: Cluster
) -> None:
    home = tmp_path / "home"
    with cluster.database() as url, cluster.database() as other:
        first = settings_for(home, url)
        prepare_database(first)
        assert settings_for(home, f"{url}&connect_timeout=9").database_url != first.database_url
        kept = (home / "settings.json").read_text()
        for named in (None, other):
            with pytest.raises(Refusal, match=r"database PostgreSQL.*--new-database"):
                settings_for(home, named)
        assert (home / "settings.json").read_text() == kept, "nothing is changed"
        prepare_database(settings_for(home, other, new=True))
        prepare_database(settings_for(home, other))
        prepare_database(settings_for(home, None, new=True))
        with closing(Store(settings_for(home, None).database)) as store:
            store.migrate()
        with pytest.raises(Refusal, match="belongs to the database SQLite"):
            settings_for(home, url)


def test_a_database_that_was_never_reached_binds_nobody(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with pytest.raises(Refusal, match="Check that the server runs"):
        prepare_database(settings_for(home, "postgresql://ana@/galley?host=/nowhere"))
    settings_for(home, "postgresql://ana@/galley?host=/somewhere")
    settings_for(home, None)


def test_what_is_restored_knows_its_database(tmp_path: Path, cluster: Cluster) -> None:
    with cluster.database() as url:
        prepare_database(settings_for(tmp_path / "home", url))
        backup(tmp_path / "home", tmp_path / "files.tar.gz", files_only=True)
        restore(tmp_path / "files.tar.gz", tmp_path / "restored")
        with pytest.raises(Refusal, match="belongs to the database PostgreSQL"):
            settings_for(tmp_path / "restored", None)
        with pytest.raises(GalleyError, match="pg_dump"):
            backup(tmp_path / "restored", tmp_path / "again.tar.gz")


def test_no_backup_is_made_where_it_is_not_known_where_the_state_lies(tmp_path: Path) -> None:
    settings_for(tmp_path / "home", None)
    (tmp_path / "home" / "settings.json").write_text('{"of": "another release"}')
    with pytest.raises(GalleyError, match=r"settings\.json cannot be read by this release"):
        backup(tmp_path / "home", tmp_path / "state.tar.gz")
    assert not (tmp_path / "state.tar.gz").exists()


def test_keys_are_not_made_anew_where_the_server_holds_secrets(
    tmp_path: Path, cluster: Cluster
) -> None:
    with cluster.database("template1") as url:
        settings = settings_for(tmp_path / "home", url)
        prepare_database(settings)
        assert make_secret_keys(settings) is None
        now = datetime.now(UTC)
        with closing(Store(url)) as store:
            store.write(
                lambda s: secrets.put(
                    s, "lab", "", "db", b"sealed", description="", by="ana", now=now
                )
            )
        settings.secret_keys.unlink()
        assert make_secret_keys(settings) is not None
        assert not settings.secret_keys.exists()


def test_each_process_of_the_service_is_a_child(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "home", None, processes=3)
    (tmp_path / "home" / "secrets" / "proxy-token").write_text("token")
    names = [spec.name for spec in child_specs(settings, tmp_path / "proxy")]
    assert names == ["proxy", "hub", "service", "service-2", "service-3", "mlflow"]


def test_too_many_processes_are_refused() -> None:
    done = CliRunner().invoke(main, ["up"], env={"GALLEY_SERVICE_PROCESSES": "17"})
    assert done.exit_code != 0
    assert "1<=x<=16" in done.output


def test_the_operators_page_names_every_variable() -> None:
    page = Path("docs/operator/index.md").read_text(encoding="utf-8")
    for variable in ("GALLEY_DATABASE_URL", "GALLEY_SERVICE_PROCESSES"):
        assert variable in page


def test_a_file_is_carried_over_while_nothing_runs(tmp_path: Path, cluster: Cluster) -> None:
    home = tmp_path / "home"
    settings = settings_for(home, None)
    prepare_database(settings)
    with closing(Store(settings.database)) as store:
        store.migrate()
        now = datetime.now(UTC)
        store.write(
            lambda s: secrets.put(
                s, "lab", "", "key", b"sealed", description="", by="olga", now=now
            )
        )
    with cluster.database("template1") as url:
        command = ["carry-over", "--home", str(home), "--database-url", url]
        lock = HomeLock(home)
        refused = CliRunner().invoke(main, command)
        assert (refused.exit_code, "another `galley up` works on" in refused.output) == (1, True)
        lock.release()
        file = CliRunner().invoke(main, [*command[:-1], f"sqlite:///{tmp_path}/x.db"])
        assert (file.exit_code, "name a PostgreSQL one" in file.output) == (1, True)
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
        assert "1 secrets" in done.output
        with closing(Store(url)) as moved:
            assert (
                moved.read(lambda s: s.get_one(SecretRow, ("lab", "", "key")).sealed) == b"sealed"
            )
        with pytest.raises(Refusal, match=r"belongs to the database PostgreSQL"):
            settings_for(home, None)
        prepare_database(settings_for(home, url))
        again = CliRunner().invoke(main, command)
        assert (again.exit_code, "already: only a file" in again.output) == (1, True)
