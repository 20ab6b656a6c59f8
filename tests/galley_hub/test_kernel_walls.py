"""What code in a kernel can and cannot do, on the whole platform as `galley up` starts it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil
import pytest
from galley.domain.tenants import SERVER_TOKEN_ACTIONS, scope
from galley.sandbox.internet import local_addresses
from galley.sandbox.processes import saved

from tests.galley.sandbox.sandboxes import ATTEMPTS, listening, try_outside
from tests.galley_hub.labs import Lab
from tests.journey import platform as platforms
from tests.journey.notebooks import notebook
from tests.journey.people import SERVICE, Person
from tests.journey.platform import Platform
from tests.journey.waiting import version_ended

pytestmark = pytest.mark.integration

HOSTS = ("127.0.0.1", "10.0.2.2", "10.0.2.3", "10.0.2.100")
CLUSTER = """
from distributed import LocalCluster
cluster = LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0")
print(len(cluster.workers))
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = platforms.start(tmp_path_factory.mktemp("walls") / "home")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def person(platform: Platform) -> Iterator[Callable[[str], Person]]:
    people: dict[str, Person] = {}

    def sign_in(name: str) -> Person:
        if name not in people:
            people[name] = Person(platform, name)
        return people[name]

    yield sign_in
    for one in people.values():
        one.close()


@pytest.fixture(scope="module")
def lab(platform: Platform, person: Callable[[str], Person]) -> Iterator[Callable[..., Lab]]:
    """A running server per (user, tenant), started when it is first asked for."""
    labs: dict[tuple[str, str], Lab] = {}

    def running(user: str, tenant: str) -> Lab:
        if (user, tenant) not in labs:
            labs[user, tenant] = Lab(platform, person(user), tenant)
            labs[user, tenant].start(profile="cpu-small")
        return labs[user, tenant]

    yield running
    for one in labs.values():
        one.close()


def try_in_kernel(lab: Lab, **asked: Any) -> dict[str, Any]:
    """Try things in a process that the kernel starts; return what succeeded."""
    code = (
        "import subprocess, sys\n"
        f"done = subprocess.run([sys.executable, '-I', '-c', {ATTEMPTS!r}, {json.dumps(asked)!r}],"
        " capture_output=True, text=True, check=True)\n"
        "print(done.stdout)"
    )
    report: dict[str, Any] = json.loads(lab.run(code))
    return report


def server_processes(platform: Platform, key: str) -> list[psutil.Process]:
    """Return the processes in the sandbox of a server."""
    runner = saved(platform.home / "run" / "servers")[key]
    return psutil.Process(runner.pid).children(recursive=True)


def server_token(lab: Lab) -> str:
    """Return the token that any notebook of the server can read."""
    return lab.run("import os; print(os.environ['JUPYTERHUB_API_TOKEN'])").strip()


def api(platform: Platform, token: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"{platform.url}{SERVICE}/api/v1",
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )


def test_code_runs_as_somebody_of_its_own(lab: Callable[..., Lab]) -> None:
    code = "import os; print(os.getuid(), os.getcwd(), os.environ['GALLEY_TENANT'])"
    uid, cwd, tenant = lab("alice", "oncology").run(code).split()
    assert (cwd, tenant) == ("/home/alice", "oncology")
    other = lab("dave", "winery").run("import os; print(os.getuid())").strip()
    if os.geteuid() == 0:
        assert len({uid, other, "0"}) == 3
    else:
        assert {uid, other} == {str(os.geteuid())}


def test_the_secrets_of_the_platform_and_of_others_cannot_be_read(
    platform: Platform, lab: Callable[..., Lab]
) -> None:
    lab("dave", "winery").run("open('wines.csv', 'w').write('red')")
    home = platform.home
    secrets = [
        home / "hub" / "jupyterhub.sqlite",
        home / "hub" / "passwords.json",
        home / "accounts.txt",
        home / "settings.json",
        home / "homes" / "users" / "dave" / "winery" / "wines.csv",
        *(home / "secrets").iterdir(),
        *(path for path in (home / "service").iterdir() if path.is_file()),
        *(home / "mlflow").glob("*.db"),
        *(home / "logs").glob("*.log"),
    ]
    assert {path.parent.name for path in secrets} >= {"secrets", "service", "mlflow", "logs"}
    paths = [str(path) for path in secrets]
    sockets = [str(home / "mlflow" / "server.sock")]
    folders = [str(home), str(home / "homes"), "/home/dave"]
    outside = try_outside(read=paths, connect_unix=sockets, list=folders[:2])
    assert (outside["read"], outside["connect_unix"]) == (paths, sockets)
    inside = try_in_kernel(
        lab("alice", "oncology"), read=paths, connect_unix=sockets, list=folders, write=paths
    )
    assert [inside[kind] for kind in ("read", "connect_unix", "list", "write")] == [[], [], [], []]


def test_processes_of_others_are_not_seen(platform: Platform, lab: Callable[..., Lab]) -> None:
    token = server_token(lab("dave", "winery"))
    pids = [process.pid for process in server_processes(platform, "winery--dave")]
    outside = try_outside(signal=pids)
    assert outside["signal"] == pids
    assert token in outside["processes"]
    seen = try_in_kernel(lab("alice", "oncology"))["processes"]
    assert token not in seen
    assert "dave" not in seen
    assert "configurable-http-proxy" not in seen


def test_no_port_of_the_machine_or_of_another_server_can_be_reached(
    platform: Platform, lab: Callable[..., Lab]
) -> None:
    assert lab("dave", "winery").run(CLUSTER).strip() == "1"
    of_dave = listening(server_processes(platform, "winery--dave")[-1])
    assert len(of_dave) >= 8, "the server, its kernel's channels and the Dask cluster"
    lab("alice", "oncology")
    own = listening(server_processes(platform, "oncology--alice")[-1])
    with socket.create_server(("0.0.0.0", 0)) as listener:
        of_machine = listening(psutil.Process())
        assert listener.getsockname()[1] in of_machine
        tried = [
            [host, port]
            for host in (*HOSTS, *sorted(local_addresses()))
            for port in sorted(of_machine | of_dave)
            # Its own network's loopback: there it finds itself, and the door to the platform.
            if not (host == "127.0.0.1" and port in own)
        ]
        assert len(tried) > 60
        assert try_in_kernel(lab("alice", "oncology"), connect=tried)["connect"] == []


def test_the_door_to_the_platform_is_there(platform: Platform, lab: Callable[..., Lab]) -> None:
    code = (
        "import os, urllib.request as r\n"
        "print(r.urlopen(os.environ['GALLEY_URL'] + '/healthz').status)"
    )
    assert lab("alice", "oncology").run(code).strip() == "200"


def test_a_servers_token_is_of_its_tenant_and_cannot_decide(
    platform: Platform, lab: Callable[..., Lab]
) -> None:
    token = server_token(lab("alice", "oncology"))
    with api(platform, token) as service:
        headers = service.headers["Authorization"]
        user = httpx.get(f"{platform.url}/hub/api/user", headers={"Authorization": headers})
        custom = {held for held in user.json()["scopes"] if held.startswith("custom:")}
        assert custom == {scope(action, "oncology") for action in SERVER_TOKEN_ACTIONS}
        assert service.get("/tenants/oncology/runs").status_code == 200
        assert service.get("/tenants/winery/runs").status_code == 404
        assert service.get("/tenants/playground/runs").status_code in {403, 404}


def test_a_token_from_a_server_never_approves_but_its_owner_does(
    platform: Platform, lab: Callable[..., Lab], person: Callable[[str], Person]
) -> None:
    """bob is a lead: what he may do in his browser, a notebook in his server may not."""
    with api(platform, server_token(lab("alice", "oncology"))) as service:
        request = {"notebook": notebook("print('hello')"), "name": "Hello"}
        answer = service.post("/tenants/oncology/pipelines/hello/versions", json=request)
        assert answer.status_code == 202, answer.text
    version = version_ended(person("alice"), answer.json()["id"])
    assert version["state"] == "in_review", version["state_reason"]
    decision = {"gate": "lead", "verdict": "approve", "digest": version["digest"]}
    path = f"/versions/{version['id']}/decisions"
    with api(platform, server_token(lab("bob", "oncology"))) as service:
        refused = service.post(path, json=decision)
    assert refused.status_code == 403, refused.text
    unchanged = person("bob").get(f"/versions/{version['id']}").json()
    assert unchanged["state"] == "in_review"
    approved = person("bob").post(path, decision)
    assert approved.status_code == 200, approved.text


def test_a_server_belongs_to_its_user(
    platform: Platform, lab: Callable[..., Lab], person: Callable[[str], Person]
) -> None:
    alices, daves = lab("alice", "oncology"), lab("dave", "winery")
    headers = {"Authorization": f"token {daves.token}"}
    answer = httpx.get(f"{alices.url}/api/kernels", headers=headers, timeout=60)
    assert answer.status_code in {403, 404}
    headers = {"Authorization": f"token {alices.token}"}
    assert httpx.get(f"{alices.url}/api/kernels", headers=headers, timeout=60).status_code == 200
    stolen = daves.hub.post("/users/alice/servers/oncology", json={})
    assert stolen.status_code in {403, 404}
    assert daves.hub.delete("/users/alice/servers/oncology").status_code in {403, 404}
