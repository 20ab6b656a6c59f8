"""A real hub and real servers: sign-in, spawning, tokens, restarts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from galley.sandbox import processes
from galley.sandbox.capabilities import Capabilities, probe

from tests.galley_hub.conftest import EXAMPLE
from tests.galley_hub.kernel import Kernel
from tests.platform_fixture import HubPlatform, until

pytestmark = pytest.mark.integration

WHOAMI = """
import json, os, urllib.request
asked = urllib.request.Request(
    os.environ["JUPYTERHUB_API_URL"] + "/user",
    headers={"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]},
)
print(urllib.request.urlopen(asked).read().decode())
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubPlatform]:
    home = tmp_path_factory.mktemp("platform") / "home"
    tenants = home.parent / "tenants.yaml"
    declared = yaml.safe_load(EXAMPLE.read_text())
    declared["tenants"]["winery"]["profiles"]["gpu"]["gpus"] = 64  # on whatever machine this is
    tenants.write_text(yaml.safe_dump(declared))
    made = HubPlatform(home, tenants=tenants)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def alice(platform: HubPlatform) -> httpx.Client:
    """Alice's session; her server in oncology runs."""
    session = platform.sign_in("alice")
    answer = platform.spawn(session, "alice", "oncology", profile="cpu-small")
    assert answer.status_code in {201, 202}, answer.text
    return session


@pytest.fixture(scope="module")
def kernel(platform: HubPlatform, alice: httpx.Client) -> Iterator[Kernel]:
    made = Kernel(f"{platform.url}/user/alice/oncology/", token(platform, alice, "alice"))
    yield made
    made.close()


def token(platform: HubPlatform, session: httpx.Client, user: str) -> str:
    """Make a personal token, as the page for tokens does."""
    answer = platform.api(session, "POST", f"/users/{user}/tokens", json={})
    return str(answer.json()["token"])


def whoami(platform: HubPlatform, personal: str) -> dict[str, list[str]]:
    answer = httpx.get(
        f"{platform.url}/hub/api/user", headers={"Authorization": f"token {personal}"}
    )
    assert answer.status_code == 200
    body: dict[str, list[str]] = answer.json()
    return body


@pytest.mark.parametrize(
    ("user", "address"),
    [
        ("dave", "/hub/spawn/dave/winery"),
        ("paula", "/hub/spawn/paula/playground"),
        ("alice", "/hub/home"),
        ("bob", "/services/galley/"),
    ],
)
def test_signing_in_leads_to_ones_work(platform: HubPlatform, user: str, address: str) -> None:
    _, answer = platform.try_password(user, platform.passwords[user])
    assert answer.headers["location"] == address


def test_a_wrong_password_does_not_sign_in(platform: HubPlatform) -> None:
    session, answer = platform.try_password("erin", platform.passwords["frank"])
    assert answer.status_code == 403
    assert "Invalid username or password" in answer.text
    assert session.get("/hub/home").url.path == "/hub/login"


def test_the_home_page_offers_ones_tenants_only(platform: HubPlatform) -> None:
    page = platform.sign_in("alice").get("/hub/home").text
    assert 'id="open-oncology"' in page
    assert 'id="open-playground"' in page
    assert "winery" not in page.lower()


def test_the_form_shows_the_gpu_profile_disabled_with_its_reason(platform: HubPlatform) -> None:
    page = platform.sign_in("dave").get("/hub/spawn/dave/winery").text
    assert 'value="cpu-small"' in page
    assert "Not available: needs 64 GPUs; this machine has " in page


def test_a_profile_that_is_not_available_is_refused(platform: HubPlatform) -> None:
    answer = platform.spawn(platform.sign_in("dave"), "dave", "winery", profile="gpu")
    assert answer.status_code == 400
    assert "GPU (gpu) is not available: it needs 64 GPUs" in answer.json()["message"]


def test_a_stranger_gets_no_server_and_no_form(platform: HubPlatform) -> None:
    dave = platform.sign_in("dave")
    answer = platform.spawn(dave, "dave", "oncology", profile="cpu-small")
    assert answer.status_code == 403
    assert "dave is not a member of a tenant named 'oncology'" in answer.json()["message"]
    page = dave.get("/hub/spawn/dave/oncology")
    assert page.status_code == 403
    assert "Your tenants: winery." in page.text


def test_there_is_no_server_without_a_tenant(platform: HubPlatform) -> None:
    answer = platform.api(platform.sign_in("dave"), "POST", "/users/dave/server", json={})
    assert answer.status_code == 400
    assert "Choose one of yours: winery" in answer.json()["message"]


def test_the_lab_of_another_cannot_be_opened(platform: HubPlatform, alice: httpx.Client) -> None:
    page = "/user/alice/oncology/lab"
    assert alice.get(page).status_code == 200
    bob = platform.sign_in("bob")  # a member of the same tenant
    assert bob.get(page).status_code == 403


def test_the_server_runs_in_its_sandbox(platform: HubPlatform, kernel: Kernel) -> None:
    said = kernel.run("import os, getpass; print(getpass.getuser(), os.getcwd())")
    assert said == "alice /home/alice\n"
    assert kernel.run(f"open({str(platform.settings.home / 'settings.json')!r})").startswith(
        "FileNotFoundError"
    )
    assert "examples" in kernel.run("print(os.listdir())")


def test_datasets_are_there_in_their_mode(kernel: Kernel) -> None:
    assert kernel.run("print(sorted(os.listdir('/datasets')))") == "['reference', 'shared']\n"
    assert kernel.run("open('/datasets/shared/from-alice', 'w').close()") == ""
    assert "Read-only file system" in kernel.run("open('/datasets/reference/x', 'w')")
    assert "from-alice" in kernel.run("print(os.listdir('datasets/shared'))")


def test_a_server_token_reads_publishes_and_runs_in_its_tenant_only(kernel: Kernel) -> None:
    held = json.loads(kernel.run(WHOAMI))["scopes"]
    assert [scope for scope in held if scope.startswith("custom:")] == [
        "custom:galley:publish!group=oncology",
        "custom:galley:read!group=oncology",
        "custom:galley:run!group=oncology",
    ]
    assert "access:servers!server=alice/oncology" in held
    assert not {"tokens", "tokens!user=alice", "self", "inherit"} & set(held)


def test_a_server_token_makes_no_other_token(kernel: Kernel) -> None:
    said = kernel.run(
        WHOAMI.replace('"/user"', '"/users/alice/tokens"').replace(
            "    headers=", '    data=b"{}", method="POST", headers='
        )
    )
    assert "HTTP Error 403" in said


def test_a_personal_token_has_all_ones_scopes(platform: HubPlatform) -> None:
    bob = platform.sign_in("bob")
    held = whoami(platform, token(platform, bob, "bob"))["scopes"]
    custom = {scope for scope in held if scope.startswith("custom:")}
    assert "custom:galley:approve-lead!group=oncology" in custom
    assert "custom:galley:approve-mle!group=oncology" not in custom
    assert all(scope.endswith("!group=oncology") for scope in custom)


def test_a_restart_of_the_hub_ends_no_server_and_reloads_the_tenants(
    platform: HubPlatform, alice: httpx.Client, kernel: Kernel
) -> None:
    kernel.run("survivor = 42")
    before = processes.saved(platform.settings.run / "servers")
    file = platform.settings.tenants_file
    declared = yaml.safe_load(file.read_text())
    del declared["tenants"]["oncology"]["members"]["olivia"]
    declared["tenants"]["oncology"]["members"]["nora"] = ["auditor"]
    file.write_text(yaml.safe_dump(declared))

    platform.end("hub")
    assert kernel.run("print(survivor)") == "42\n", "without the hub"
    platform.start("hub")

    assert processes.saved(platform.settings.run / "servers") == before
    assert kernel.run("print(survivor)") == "42\n"
    assert alice.get("/user/alice/oncology/api/contents").status_code == 200
    servers = platform.api(alice, "GET", "/users/alice").json()["servers"]
    assert servers["oncology"]["ready"] is True
    _, answer = platform.try_password("olivia", platform.passwords["olivia"])
    assert answer.status_code == 403


def test_stopping_a_server_leaves_no_process(platform: HubPlatform) -> None:
    paula = platform.sign_in("paula")
    assert platform.spawn(paula, "paula", "playground").is_success
    server = processes.saved(platform.settings.run / "servers")["playground--paula"]
    platform.api(paula, "DELETE", "/users/paula/servers/playground")
    until(lambda: not server.alive(), "the end of paula's server")
    assert "playground--paula" not in processes.saved(platform.settings.run / "servers")


def test_the_server_of_who_left_the_tenant_is_ended(platform: HubPlatform) -> None:
    session = platform.sign_in("dave")
    assert platform.spawn(session, "dave", "winery", profile="cpu-small").is_success
    server = processes.saved(platform.settings.run / "servers")["winery--dave"]
    file = platform.settings.tenants_file
    declared = yaml.safe_load(file.read_text())
    del declared["tenants"]["winery"]["members"]["dave"]
    file.write_text(yaml.safe_dump(declared))
    platform.end("hub")
    platform.start("hub")
    until(lambda: not server.alive(), "the end of dave's server")


def test_without_isolation_only_the_playground_has_servers(tmp_path: Path) -> None:
    """Where sandboxes cannot be had; the line that enables them is in the refusal."""
    lacking = Capabilities(
        isolated=False,
        internet=False,
        as_root=probe().as_root,
        missing=("bwrap",),
        reason="bwrap is not installed",
        advice="apt-get install -y bubblewrap",
    )
    platform = HubPlatform(tmp_path / "home", capabilities=lacking)
    try:
        platform.start()
        alice = platform.sign_in("alice")
        refused = platform.spawn(alice, "alice", "oncology")
        assert refused.status_code == 403
        assert "apt-get install -y bubblewrap" in refused.json()["message"]
        assert platform.spawn(alice, "alice", "playground").is_success
        kernel = Kernel(f"{platform.url}/user/alice/playground/", token(platform, alice, "alice"))
        assert "'shared'" in kernel.run("import os; print(os.listdir('datasets'))")
        kernel.close()
    finally:
        platform.stop()
