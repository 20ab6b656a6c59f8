"""What a kernel of tenant A cannot do, each tried for real, next to a living tenant B."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from galley.domain.settings import Settings
from galley.sandbox.internet import local_addresses
from galley.sandbox.spec import Bind

from tests.galley.sandbox.sandboxes import (
    AS_ROOT,
    enter_network,
    listening,
    log_of,
    member_spec,
    python,
    run,
    running,
    settings_in,
    tree,
    try_inside,
    try_outside,
    until,
)

MARK = "secret-of-dave"
NEIGHBOUR = """
import signal, socket
from pathlib import Path
from distributed import LocalCluster

Path("notes.ipynb").write_text("results")
listeners = [socket.create_server(("127.0.0.1", 0)), socket.create_server(("0.0.0.0", 0))]
cluster = LocalCluster(
    n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1",
    dashboard_address="127.0.0.1:0",
)
Path("ready").touch()
signal.pause()
"""
SLIRP = ("10.0.2.2", "10.0.2.3", "10.0.2.15", "10.0.2.100")


class Neighbour(NamedTuple):
    """Tenant B: dave's running sandbox in the winery, seen from outside."""

    settings: Settings
    home: Path
    runner: subprocess.Popen[bytes]

    @property
    def processes(self) -> list[psutil.Process]:
        return tree(self.runner)


@pytest.fixture(scope="module")
def neighbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbour]:
    settings = settings_in(tmp_path_factory.mktemp("home"))
    settings.home.chmod(0o755)  # What keeps others out here is the wall, not the mode.
    spec = member_spec(settings, "dave", "winery", *python(NEIGHBOUR), env={"TOKEN": MARK})
    home = settings.homes / "users" / "dave" / "winery"
    with running(settings, spec) as runner:

        def ready() -> bool:
            assert runner.poll() is None, log_of(settings, spec)
            return (home / "ready").exists()

        until(ready, "dave's sandbox")
        yield Neighbour(settings, home, runner)


def addresses(ports: set[int], *more: str) -> list[list[Any]]:
    return [[host, port] for host in ("127.0.0.1", *more) for port in sorted(ports)]


def test_the_files_of_others_and_of_the_platform_cannot_be_read(neighbour: Neighbour) -> None:
    settings = neighbour.settings
    secrets = [
        settings.hub_state / "jupyterhub.sqlite",
        settings.hub_state / "passwords.json",
        settings.service_state / "galley.sqlite",
        settings.service_state / "blobs" / "blob",
        settings.secrets / "service-token",
        settings.mlflow_state / "mlflow.db",
        settings.logs / "hub.log",
        settings.homes / "users" / "bob" / "oncology" / "notes.ipynb",  # of the same tenant
    ]
    for path in secrets:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
        path.chmod(0o644)
    paths = [*map(str, secrets), str(neighbour.home / "notes.ipynb"), "/etc/shadow"]
    paths += [f"/proc/{neighbour.processes[-1].pid}/root{neighbour.home}/notes.ipynb"]
    folders = [str(settings.home), str(settings.homes), str(neighbour.home), "/home/dave"]
    asked: dict[str, Any] = {"read": paths, "list": folders}
    asked["write"] = [f"{neighbour.home}/mine", "/home/dave/mine", "/etc/mine", "/usr/mine"]
    inside = try_inside(settings, "alice", "oncology", **asked)
    assert (inside["read"], inside["list"], inside["write"]) == ([], [], [])
    outside = try_outside(read=[str(path) for path in secrets], list=folders[:3])
    assert len(outside["read"]) == len(secrets)
    assert outside["list"] == folders[:3]


def test_nothing_that_listens_in_another_sandbox_can_be_reached(neighbour: Neighbour) -> None:
    ports = listening(neighbour.processes[-1])
    assert len(ports) >= 5, "two sockets, the scheduler, its dashboard, the nanny, the worker"
    from_within = try_outside(*enter_network(neighbour.processes[-1]), connect=addresses(ports))
    assert from_within["connect"] == addresses(ports), "the attempts themselves work"
    tried = addresses(ports, *SLIRP, *local_addresses())
    assert try_inside(neighbour.settings, "alice", "oncology", connect=tried)["connect"] == []


def test_nothing_that_listens_on_the_machine_can_be_reached(neighbour: Neighbour) -> None:
    with ExitStack() as stack:
        made = [
            stack.enter_context(socket.create_server((host, 0)))
            for host in ("127.0.0.1", "0.0.0.0")
        ]
        own = {listener.getsockname()[1] for listener in made}
        ports = listening(psutil.Process())
        assert own <= ports
        hosts = (*SLIRP, *local_addresses())
        assert try_outside(connect=addresses(own))["connect"] == addresses(own)
        tried = addresses(ports, *hosts)
        reached = try_inside(neighbour.settings, "alice", "oncology", connect=tried)["connect"]
        assert reached == []


def test_unix_sockets_of_the_machine_cannot_be_reached(neighbour: Neighbour) -> None:
    settings = neighbour.settings
    path = settings.mlflow_socket
    path.parent.mkdir(exist_ok=True)
    abstract = f"@galley-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as named, socket.socket(socket.AF_UNIX) as unnamed:
        named.bind(str(path))
        path.chmod(0o777)
        unnamed.bind("\0" + abstract[1:])
        for listener in (named, unnamed):
            listener.listen()
        sockets = [str(path), abstract]
        assert try_outside(connect_unix=sockets)["connect_unix"] == sockets
        inside = try_inside(settings, "alice", "oncology", connect_unix=sockets)
    assert inside["connect_unix"] == []


def test_processes_of_others_are_not_seen_and_not_hit(neighbour: Neighbour) -> None:
    pids = [process.pid for process in (psutil.Process(), *neighbour.processes)]
    outside = try_outside(signal=pids)
    assert MARK in outside["processes"]
    assert outside["signal"] == pids
    inside = try_inside(
        neighbour.settings,
        "alice",
        "oncology",
        # Numbers that are in use in its own small numbering are its own processes.
        signal=[pid for pid in pids if pid > 50],
        kill_everything=True,
    )
    assert MARK not in inside["processes"]
    assert "dave" not in inside["processes"]
    assert inside["signal"] == []
    assert len(inside["processes"].split("pid ")) <= 6, "only its own few processes"
    alive = [process.pid for process in neighbour.processes]
    assert alive == pids[1:]


def test_what_is_shown_from_below_tmp_can_be_read(tmp_path: Path) -> None:
    """A checkout or an environment below ``/tmp``: missing parents must be open to all."""
    settings, folder = settings_in(tmp_path), Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        folder.chmod(0o755)
        shown = folder / "deep" / "checkout"
        shown.mkdir(parents=True)
        (shown / "module.py").write_text("")
        spec = member_spec(settings, "alice", "oncology", "cat", str(shown / "module.py"))
        bind = Bind(source=shown, target=shown)
        done = run(settings, spec.model_copy(update={"binds": (*spec.binds, bind)}))
    finally:
        shutil.rmtree(folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_each_member_in_each_tenant_is_an_identity_of_its_own(neighbour: Neighbour) -> None:
    uids = {neighbour.home.stat().st_uid}
    for user in ("alice", "bob"):
        inside = try_inside(neighbour.settings, user, "oncology", list=["/home/" + user])
        assert inside["list"] == [f"/home/{user}"]
        uids.add(inside["uid"])
    if AS_ROOT:
        assert len(uids) == 3
        assert min(uids) >= 200_000
    else:
        assert uids == {os.geteuid()}, "an ordinary user has one identity to give"


def test_capabilities_cannot_be_had_inside(neighbour: Neighbour) -> None:
    code = "from pathlib import Path; print(Path('/proc/self/status').read_text())"
    spec = member_spec(neighbour.settings, "alice", "oncology", *python(code))
    status = dict(
        line.split(":\t", 1) for line in run(neighbour.settings, spec).stdout.splitlines() if line
    )
    assert int(status["CapEff"], 16) == 0
    assert int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"


def test_processes_inside_may_have_a_proc_of_their_own(neighbour: Neighbour) -> None:
    words = (
        "unshare",
        "--user",
        "--pid",
        "--fork",
        "--mount-proc",
        "sh",
        "-c",
        "echo /proc/[0-9]*",
    )
    spec = member_spec(neighbour.settings, "alice", "oncology", *words)
    done = run(neighbour.settings, spec)
    assert done.stdout.split() == ["/proc/1"], done.stderr
