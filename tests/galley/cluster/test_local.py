"""A real cluster: who can reach it, and how it comes and goes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest
from distributed import Client
from distributed.security import Security
from galley.cluster.address import ClusterAddress
from galley.cluster.certificates import make_certificates
from galley.cluster.local import LocalProvider

from tests.journey.waiting import until

pytestmark = pytest.mark.integration


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def provider(clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProvider]:
    made = LocalProvider(
        tmp_path_factory.mktemp("cluster"),
        name="oncology",
        workers=1,
        memory=2**30,
        idle_s=60,
        clock=clock,
    )
    yield made
    made.close()


def connect(address: ClusterAddress, **changes: str) -> Client:
    files = {
        "tls_ca_file": str(address.ca),
        "tls_client_cert": str(address.cert),
        "tls_client_key": str(address.key),
        **changes,
    }
    security = Security(require_encryption=True, **files)
    return Client(address.address, security=security, set_as_default=False, timeout=5)


def pid_of(provider: LocalProvider) -> int | None:
    return provider.pid


def listening(pid: int) -> set[int]:
    root = psutil.Process(pid)
    return {
        connection.laddr.port
        for process in (root, *root.children(recursive=True))
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }


def worker_pids(client: Client) -> set[int]:
    found: dict[str, int] = client.run(os.getpid, on_error="ignore")
    return set(found.values())


def test_a_worker_that_closed_itself_is_replaced(tmp_path: Path) -> None:
    """As one does that loses its connection to the scheduler."""
    provider = LocalProvider(
        tmp_path, name="oncology", workers=1, memory=2**30, idle_s=60, lost_s=0.5
    )
    try:
        with connect(provider.acquire()) as client:
            before = worker_pids(client)
            close = lambda dask_worker: dask_worker.loop.add_callback(dask_worker.close)  # noqa: E731
            client.run(close)
            until(lambda: worker_pids(client) - before or None, "another worker")
            assert client.submit(sum, [1, 2]).result(timeout=60) == 3
    finally:
        provider.close()


def test_a_worker_that_is_killed_again_and_again_comes_back(tmp_path: Path) -> None:
    provider = LocalProvider(tmp_path, name="oncology", workers=1, memory=2**30, idle_s=60)
    try:
        with connect(provider.acquire()) as client:
            for _ in range(3):
                before = worker_pids(client)
                for pid in before:
                    os.kill(pid, signal.SIGKILL)
                until(lambda: worker_pids(client) - before or None, "another worker")  # noqa: B023
            assert client.submit(sum, [1, 2]).result(timeout=60) == 3
    finally:
        provider.close()


def test_workers_are_forked_and_what_forks_them_is_replaced(tmp_path: Path) -> None:
    provider = LocalProvider(tmp_path, name="oncology", workers=2, memory=2**30, idle_s=60)
    try:
        with connect(provider.acquire()) as client:
            before = worker_pids(client)
            (parent,) = {psutil.Process(pid).ppid() for pid in before}
            assert parent != provider.pid
            os.kill(parent, signal.SIGKILL)
            until(lambda: not before & worker_pids(client) or None, "other workers")
            assert client.submit(sum, [1, 2]).result(timeout=60) == 3
            until(lambda: len(worker_pids(client)) == 2 or None, "as many as before")
            until(lambda: not any(map(psutil.pid_exists, before)) or None, "the old ones' end")
    finally:
        provider.close()


def test_it_works_with_its_own_files(provider: LocalProvider) -> None:
    address = provider.acquire()
    try:
        with connect(address) as client:
            assert client.submit(sum, [1, 2]).result(timeout=60) == 3
    finally:
        provider.release()


def test_another_tenants_files_open_nothing(provider: LocalProvider, tmp_path: Path) -> None:
    address = provider.acquire()
    other = make_certificates(tmp_path, name="claims", now=datetime.now(UTC))
    try:
        with pytest.raises(OSError):
            connect(address, tls_client_cert=str(other.cert), tls_client_key=str(other.key))
    finally:
        provider.release()


def test_nothing_answers_over_plain_http(provider: LocalProvider) -> None:
    provider.acquire()
    provider.release()
    assert provider.pid is not None
    ports = listening(provider.pid)
    assert ports
    for port in ports:
        for path in ("json/identity.json", "info/main/workers.html", "metrics", "status", ""):
            try:
                response = httpx.get(f"http://127.0.0.1:{port}/{path}", timeout=5)
            except httpx.HTTPError:
                continue
            assert response.status_code == 404, (port, path)


def test_it_stays_warm_while_used_and_ends_when_idle(provider: LocalProvider, clock: Clock) -> None:
    address = provider.acquire()
    clock.now += 1000
    provider.tend()
    pid = provider.pid
    assert pid is not None
    provider.release()
    clock.now += 59
    provider.tend()
    assert pid_of(provider) == pid
    assert provider.acquire() == address
    provider.release()
    clock.now += 60
    provider.tend()
    assert pid_of(provider) is None
    assert not psutil.pid_exists(pid)


def test_a_dead_cluster_is_replaced(provider: LocalProvider) -> None:
    provider.acquire()
    provider.release()
    assert provider.pid is not None
    first = provider.pid
    children = psutil.Process(provider.pid).children(recursive=True)
    os.kill(first, signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    second = provider.acquire()
    provider.release()
    assert pid_of(provider) not in {None, first}
    with connect(second) as client:
        assert client.submit(sum, [1, 2]).result(timeout=60) == 3
