"""Hosts in real sandboxes that lease from a recording service."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest
from galley.cluster.gpus import Gpus, lay_out
from galley.domain.runs import AttemptState, RunKind
from galley.domain.settings import Settings
from galley.domain.tenants import Dataset, Profile, Tenants
from galley.errors import InvalidInput, NotFound, Unavailable
from galley.host.config import host_config
from galley.launcher import local
from galley.launcher.backoff import FIRST_S
from galley.launcher.local import LocalLauncher
from galley.sandbox import processes
from galley.sandbox.machine import this_machine
from galley.sandbox.spec import SCRATCH
from galley.sandbox.workspace import tenant_identity, user_identity

from tests.galley.host.recording_service import (
    RecordingService,
    assignment,
    recording_service,
)
from tests.galley.run.projects import single
from tests.galley.sandbox.sandboxes import AS_ROOT, TENANTS, settings_in, until

pytestmark = pytest.mark.integration

REPORT = """
import json, os, threading
from pathlib import Path

def refused(path):
    try:
        Path(path).write_text("written")
    except OSError as error:
        return error.strerror

def can(attempt):
    # The processes of the sandbox with which it can be done, which has no more than so many.
    done = []
    for pid in range(1, 5000):
        try:
            attempt(pid)
        except OSError:
            continue
        done.append(pid)
    return done

# What has such a number in the task's own namespace is its init, itself, and its threads.
itself = {os.getpid(), *(thread.native_id for thread in threading.enumerate())}
kills = [pid for pid in can(lambda pid: os.kill(pid, 0)) if pid not in {1, *itself}]
reads = can(lambda pid: Path(f"/proc/{pid}/environ").read_bytes())
traces = can(lambda pid: open(f"/proc/{pid}/mem", "rb").close())
reads, traces = ([pid for pid in done if pid not in itself] for done in (reads, traces))
files = sorted(str(path) for path in Path.home().iterdir() if not path.name.startswith("."))
said = {
    "uid": os.getuid(), "home": str(Path.home()), "files": files,
    "shared": refused("/datasets/shared/new"), "token": os.path.exists("/home/alice/.galley-token"),
    "reads": Path("/datasets/shared/table.csv").read_text(),
    "kills": kills, "environments": reads, "memories": traces,
    "seen": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()) == [1, os.getpid()],
}
print("REPORT", json.dumps(said))
"""


GPU_REPORT = """
import os
locks = os.listdir("/gpus") if os.path.isdir("/gpus") else []
print("GPU", os.environ["CUDA_VISIBLE_DEVICES"], "locks", locks)
"""


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def service() -> Iterator[RecordingService]:
    with recording_service() as served:
        yield served


@pytest.fixture
def settings(tmp_path: Path, service: RecordingService) -> Settings:
    return settings_in(tmp_path).model_copy(update={"service_port": service.port})


class Minted(list[tuple[str, str | None, UUID | None, int | None]]):
    """Gives every host the token that the recording service knows, and notes for whom."""

    def __call__(
        self, tenant: str, author: str | None, run: UUID | None, attempt: int | None
    ) -> str:
        self.append((tenant, author, run, attempt))
        return RecordingService.HOST_TOKEN


@pytest.fixture
def minted() -> Minted:
    return Minted()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def launcher(settings: Settings, minted: Minted, clock: Clock) -> Iterator[LocalLauncher]:
    made = LocalLauncher(settings, lambda: TENANTS, mint=minted, monotonic=clock)
    yield made
    processes.stop_all(processes.saved(settings.run / "hosts").values())


def leased(service: RecordingService, folder: Path, code: str = "print(1)", **work: Any) -> str:
    """Offer a rehearsal's work and wait until a host has taken it."""
    attempt = service.give(assignment(kind=RunKind.REHEARSAL, **work), single(folder, code))
    service.wait_for(lambda served: attempt in served.leased)
    return attempt


def below(launcher: LocalLauncher, name: str) -> list[psutil.Process]:
    """Return a host's runner and all processes in its sandbox."""
    runner = psutil.Process(launcher.hosts[name].pid)
    return [runner, *runner.children(recursive=True)]


def test_a_tenants_host_runs_as_the_tenant_and_asks_for_work(
    launcher: LocalLauncher,
    service: RecordingService,
    settings: Settings,
    minted: Minted,
    tmp_path: Path,
) -> None:
    launcher.ensure_tenant_host("winery")
    leased(service, tmp_path / "project")
    assert minted == [("winery", None, None, None)]
    uids = {process.uids().real for process in below(launcher, "winery")}
    assert tenant_identity(settings, "winery").uid in uids
    token = settings.homes / "hosts/winery/.galley-token"
    assert not token.exists(), "read once, then deleted"
    assert service.hosts == {f"winery@{socket.gethostname()}"}, "how it is drained"


@pytest.mark.parametrize(("of_machine", "of_profile", "seen"), [(2, 1, 1), (2, 0, 0), (0, 1, 0)])
def test_a_host_sees_gpus_where_a_profile_has_one_and_the_machine_too(
    launcher: LocalLauncher,
    monkeypatch: pytest.MonkeyPatch,
    of_machine: int,
    of_profile: int,
    seen: int,
) -> None:
    machine = this_machine().model_copy(update={"gpus": of_machine})
    monkeypatch.setattr(local, "this_machine", lambda: machine)
    gpu = Profile(display_name="GPU", cpu=1, memory=2**28, gpus=of_profile)
    winery = TENANTS.tenants["winery"]
    profiles = {**winery.profiles, "gpu": gpu}
    tenants = Tenants(tenants={"winery": winery.model_copy(update={"profiles": profiles})})
    monkeypatch.setattr(launcher, "_tenants", lambda: tenants)
    given: list[Profile] = []
    monkeypatch.setattr(launcher, "_start", lambda *_, profile, **__: given.append(profile))
    launcher.ensure_tenant_host("winery")
    launcher.start_rehearsal_host("winery", "ada", uuid4(), 1)
    assert [profile.gpus for profile in given] == [seen, seen]


def test_hosts_share_the_gpus_of_the_machine(
    launcher: LocalLauncher,
    settings: Settings,
    service: RecordingService,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """There need not be any: which one a task is to use stands in a variable."""
    machine = this_machine().model_copy(update={"gpus": 2})
    monkeypatch.setattr(local, "this_machine", lambda: machine)
    oncology = TENANTS.tenants["oncology"]
    gpu = Profile(display_name="GPU", cpu=1, memory=2**28, gpus=1)
    changed = oncology.model_copy(update={"profiles": {**oncology.profiles, "gpu": gpu}})
    monkeypatch.setattr(launcher, "_tenants", lambda: Tenants(tenants={"oncology": changed}))
    locks = settings.run / "gpus"
    lay_out(locks, 2)
    with Gpus(locks).some(1):
        launcher.start_rehearsal_host("oncology", "alice", uuid.uuid4(), 1)
        attempt = leased(service, tmp_path / "project", GPU_REPORT, gpus=1)
        outcome = service.outcome_of(attempt)
    assert outcome.state is AttemptState.SUCCEEDED, outcome.error
    log = service.log_of(attempt)
    assert "GPU 1 locks []\n" in log, "it cannot keep others from one"


def test_the_tenants_file_says_after_what_time_an_idle_cluster_ends(
    launcher: LocalLauncher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    winery = TENANTS.tenants["winery"]
    limits = winery.limits.model_copy(update={"cluster_idle": 45.5})
    tenants = Tenants(tenants={"winery": winery.model_copy(update={"limits": limits})})
    monkeypatch.setattr(launcher, "_tenants", lambda: tenants)
    given: dict[str, str] = {}
    monkeypatch.setattr(launcher, "_start", lambda *_, environment, **__: given.update(environment))
    launcher.ensure_tenant_host("winery")
    token = tmp_path / "token"
    token.touch()
    own = {"GALLEY_SERVICE_URL": "http://127.0.0.1:1", "GALLEY_HOST_TOKEN_FILE": str(token)}
    names = {"GALLEY_TENANT": "winery", "GALLEY_HOST_NAME": "winery"}
    assert host_config({**given, **own, **names}).idle_s == 45.5


def test_a_living_host_is_not_started_again(launcher: LocalLauncher, minted: Minted) -> None:
    launcher.ensure_tenant_host("winery")
    host = launcher.hosts["winery"]
    launcher.ensure_tenant_host("winery")
    assert launcher.hosts == {"winery": host}
    assert len(minted) == 1


def test_the_next_service_finds_the_hosts_of_the_last_one(
    launcher: LocalLauncher, settings: Settings, minted: Minted
) -> None:
    launcher.ensure_tenant_host("winery")
    host = launcher.hosts["winery"]
    restarted = LocalLauncher(settings, lambda: TENANTS, mint=minted)
    assert restarted.hosts == {}
    restarted.adopt()
    assert restarted.hosts == {"winery": host}
    restarted.ensure_tenant_host("winery")
    assert len(minted) == 1


def test_who_was_stopped_half_way_starts_no_second_host(
    launcher: LocalLauncher, settings: Settings
) -> None:
    """Its lease was taken over while it was minting the host's token."""

    def mint(*_: object) -> str:
        launcher.ensure_tenant_host("winery")
        return RecordingService.HOST_TOKEN

    late = LocalLauncher(settings, lambda: TENANTS, mint=mint)
    late.ensure_tenant_host("winery")
    assert late.hosts == launcher.hosts
    assert late._children == []


def test_one_process_at_a_time_starts_hosts(launcher: LocalLauncher, settings: Settings) -> None:
    folder = settings.run / "hosts"
    folder.mkdir(parents=True)
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="another process of the service is starting a host"):
            launcher.ensure_tenant_host("winery")
    assert launcher.hosts == {}


def test_a_host_that_died_is_started_again_but_not_at_once(
    launcher: LocalLauncher, clock: Clock, minted: Minted
) -> None:
    launcher.ensure_tenant_host("winery")
    first = launcher.hosts["winery"]
    first.signal(signal.SIGKILL)
    until(lambda: not first.alive(), "the end of the host")
    launcher.ensure_tenant_host("winery")
    assert launcher.hosts == {}
    clock.now += FIRST_S
    launcher.ensure_tenant_host("winery")
    second = launcher.hosts["winery"]
    assert second.alive()
    assert second != first
    assert len(minted) == 2, "each host has a token of its own"
    second.signal(signal.SIGKILL)
    until(lambda: not second.alive(), "the end of the second host")
    clock.now += FIRST_S
    launcher.ensure_tenant_host("winery")
    assert launcher.hosts == {}, "the second wait is longer"


def test_a_dead_hosts_sandbox_is_gone_with_it(
    launcher: LocalLauncher, service: RecordingService, tmp_path: Path
) -> None:
    launcher.ensure_tenant_host("winery")
    leased(service, tmp_path / "project", "import time; time.sleep(600)")
    inside = below(launcher, "winery")
    launcher.hosts["winery"].signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(inside, timeout=30)
    assert alive == []


def test_ending_all_leaves_no_process(
    launcher: LocalLauncher, service: RecordingService, settings: Settings, tmp_path: Path
) -> None:
    launcher.ensure_tenant_host("winery")
    launcher.start_rehearsal_host("oncology", "alice", uuid.uuid4(), 1)
    leased(service, tmp_path / "project", "import time; time.sleep(600)")
    below_them = [process for name in launcher.hosts for process in below(launcher, name)]
    assert len(below_them) >= 6
    processes.stop_all(processes.saved(settings.run / "hosts").values())
    _, alive = psutil.wait_procs(below_them, timeout=30)
    assert alive == []
    assert launcher.hosts == {}


def test_a_rehearsal_has_its_authors_rights_and_a_home_of_its_own(
    launcher: LocalLauncher,
    service: RecordingService,
    settings: Settings,
    minted: Minted,
    tmp_path: Path,
) -> None:
    author = user_identity(settings, "alice", "oncology")
    author.home.mkdir(parents=True)
    (author.home / "only-here.csv").write_text("not published")
    shared = tmp_path / "datasets/shared/table.csv"
    run = uuid.uuid4()
    launcher.start_rehearsal_host("oncology", "alice", run, 1)
    shared.write_text("a,b")
    assert minted == [("oncology", "alice", run, 1)]
    attempt = leased(service, tmp_path / "project", REPORT)
    assert service.hosts == {f"rehearsal-{run}-1@{socket.gethostname()}"}
    outcome = service.outcome_of(attempt)
    assert outcome.state is AttemptState.SUCCEEDED, outcome.error
    (line,) = [line for line in service.log_of(attempt).splitlines() if "REPORT" in line]
    said = json.loads(line.partition("REPORT ")[2])
    assert said["uid"] == (author.uid if AS_ROOT else os.geteuid())
    assert said["home"] == "/home/alice"
    assert said["files"] == []
    assert said["shared"] == "Read-only file system"
    assert said["reads"] == "a,b"
    assert said["token"] is False
    if AS_ROOT:  # Neither host nor runner, zygote or init can be reached from the task.
        own = {
            one.environ().get("GALLEY_OWN_SCRATCH") for one in below(launcher, f"rehearsal-{run}-1")
        }
        assert ":".join([*SCRATCH, "/home/alice"]) in own, "what a proof's runs leave is cleared"
        assert said["seen"], "its init and itself, and nobody else"
        assert (said["kills"], said["environments"], said["memories"]) == ([], [], [])

    def ended() -> bool:
        launcher.adopt()
        return f"rehearsal-{run}-1" not in launcher.hosts

    until(ended, "the end of the rehearsal's host, which serves once")
    launcher.ensure_tenant_host("winery")
    assert not (settings.homes / "rehearsals" / f"{run}-1").exists()
    assert (author.home / "only-here.csv").exists()


def test_the_next_attempt_does_not_wait_for_a_host_that_has_yet_to_tell_mlflow(
    launcher: LocalLauncher, settings: Settings, minted: Minted
) -> None:
    run = uuid.uuid4()
    launcher.start_rehearsal_host("oncology", "alice", run, 1)
    launcher.start_rehearsal_host("oncology", "alice", run, 1)
    first = launcher.hosts[f"rehearsal-{run}-1"]
    launcher.start_rehearsal_host("oncology", "alice", run, 2)
    assert first.alive()
    assert launcher.hosts.keys() == {f"rehearsal-{run}-{number}" for number in (1, 2)}
    assert minted == [("oncology", "alice", run, number) for number in (1, 2)]
    homes = settings.homes / "rehearsals"
    assert {home.name for home in homes.iterdir()} == {f"{run}-1", f"{run}-2"}
    first.signal(signal.SIGKILL)
    until(lambda: not first.alive(), "the end of the first host")
    launcher.ensure_tenant_host("winery")
    assert {home.name for home in homes.iterdir()} == {f"{run}-2"}


def test_an_unknown_tenant_and_a_missing_dataset_start_nothing(
    settings: Settings, minted: Minted
) -> None:
    winery = TENANTS.tenants["winery"]
    lacking = winery.model_copy(update={"datasets": {"wines": Dataset(uri="datasets/wines")}})
    tenants = Tenants(tenants={"winery": lacking})
    launcher = LocalLauncher(settings, lambda: tenants, mint=minted)
    with pytest.raises(NotFound, match="no tenant 'oncology'"):
        launcher.ensure_tenant_host("oncology")
    with pytest.raises(InvalidInput, match=r"tenants\.winery\.datasets\.wines: the folder"):
        launcher.ensure_tenant_host("winery")
    with pytest.raises(InvalidInput, match="does not exist on this machine"):
        launcher.start_rehearsal_host("winery", "dave", uuid.uuid4(), 1)
    assert launcher.hosts == {}
