"""A PostgreSQL server of the tests' own: Debian's programs, a unix socket, nothing to clean up."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from galley.store import Store
from galley.supervisor import tree

USER = "galley"
TEMPLATE = "galley_template"
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "timezone": "Asia/Kathmandu",
}
"""Speed in place of safety, which no test kills the machine for; and a zone that is not UTC."""


def programs() -> Path | None:
    """Return the folder of the newest server's programs, or None where there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3])
    )
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return None if on_path is None else Path(on_path).resolve().parent


class Cluster:
    """A running server, and databases in it."""

    def __init__(
        self, folder: Path, binaries: Path, settings: Mapping[str, str] = SETTINGS
    ) -> None:
        self.folder = folder
        self._settings = settings
        self._data = folder / "data"
        self._binaries = binaries
        self._numbers = count(1)
        self._server: subprocess.Popen[bytes] | None = None

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def initialise(self) -> None:
        """Make the server's files, and the database that all others are copies of."""
        options = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            [self._binaries / "initdb", "--no-sync", "-D", self._data, *options],
            check=True,
            stdout=subprocess.DEVNULL,
            **_account(),
        )

    def start(self) -> None:
        """Start the server; it ends with this process, however that ends."""
        parent = os.getpid()
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._data, "-k", self.folder, *settings],
                stdout=log,
                stderr=log,
                preexec_fn=lambda: tree.die_with_parent(parent, signal.SIGQUIT),
                **_account(),
            )
        until = time.monotonic() + 60
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                assert time.monotonic() < until, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """End the server at once, as a crash does."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(60)
            self._server = None

    def execute(self, statement: str) -> None:
        """Run one statement beside the tests' databases."""
        with psycopg.connect(
            host=str(self.folder), user=USER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def make_template(self) -> None:
        """Migrate once; every other database is a copy."""
        self.execute(f"CREATE DATABASE {TEMPLATE}")
        store = Store(self.url(TEMPLATE))
        store.migrate()
        store.close()

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """Yield the URL of a new database."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield self.url(name)
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _account() -> dict[str, Any]:
    """Return how to start a program as somebody else than root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@contextmanager
def running_cluster(settings: Mapping[str, str] = SETTINGS) -> Iterator[Cluster]:
    """Yield a server with its template.

    Its folder lies directly in the temporary one: the path of a socket may have 107 characters.
    """
    binaries = programs()
    if binaries is None:
        pytest.fail("the tests need Debian's package postgresql: run .ci/bootstrap --browser")
    folder = Path(tempfile.mkdtemp(prefix="galley-pg-"))
    if account := _account():
        os.chown(folder, account["user"], account["group"])
    cluster = Cluster(folder, binaries, settings)
    try:
        cluster.initialise()
        cluster.start()
        cluster.make_template()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
