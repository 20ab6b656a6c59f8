"""Locked environments in real sandboxes: each identity installs its own and runs no other's."""

from __future__ import annotations

import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from galley.domain.packages import Packages
from galley.domain.runs import AttemptState, RunKind
from galley.domain.settings import Settings
from galley.domain.work import Outcome
from galley.errors import NotFound
from galley.launcher.local import LocalLauncher
from galley.locking import lock_digest, read_lock
from galley.sandbox import processes
from galley.sandbox.workspace import ENVIRONMENTS, user_identity

from tests.galley.host.recording_service import (
    RecordingService,
    assignment,
    recording_service,
)
from tests.galley.locking.wheels import write_kernel, write_wheel
from tests.galley.run.projects import single
from tests.galley.sandbox.sandboxes import AS_ROOT, TENANTS, settings_in

pytestmark = pytest.mark.integration

SHOW = (
    "import greeting, os, sys\nfrom pathlib import Path\n"
    "print('greeting', greeting.__version__, 'in', sys.prefix)\n"
    "print('left over', sorted(p.name for p in Path.home().glob('.galley-*')))"
)


@pytest.fixture
def service() -> Iterator[RecordingService]:
    with recording_service() as served:
        yield served


@pytest.fixture
def settings(tmp_path: Path, service: RecordingService) -> Settings:
    return settings_in(tmp_path).model_copy(update={"service_port": service.port})


@pytest.fixture
def launcher(settings: Settings) -> Iterator[LocalLauncher]:
    write_kernel(settings.home / "wheels")
    write_wheel(settings.home / "wheels", "greeting", "1.0")
    (settings.home / "wheels").chmod(0o755)
    packages = Packages(offline=True, find_links=("wheels",))
    oncology = TENANTS.tenants["oncology"].model_copy(update={"packages": packages})
    tenants = TENANTS.model_copy(update={"tenants": {**TENANTS.tenants, "oncology": oncology}})

    def mint(tenant: str, author: str | None, run: uuid.UUID | None, attempt: int | None) -> str:
        return RecordingService.HOST_TOKEN

    made = LocalLauncher(settings, lambda: tenants, mint=mint)
    yield made
    processes.stop_all(processes.saved(settings.run / "hosts").values())


def ended(service: RecordingService, folder: Path, requirements: str, kind: RunKind) -> Outcome:
    """Offer work, and return how it ended."""
    single(folder, SHOW)
    (folder / "requirements.lock").write_text(requirements)
    attempt = service.give(assignment(kind=kind), folder)
    service.wait_for(lambda served: attempt in served.outcomes)
    outcome = service.outcomes[attempt]
    assert outcome.state is AttemptState.SUCCEEDED, service.logs[attempt].decode()
    assert b"greeting 1.0 in " + bytes(ENVIRONMENTS) in service.logs[attempt]
    assert b"left over []" in service.logs[attempt]
    return outcome


def test_author_and_tenant_each_have_an_environment_of_their_own(
    launcher: LocalLauncher, service: RecordingService, settings: Settings, tmp_path: Path
) -> None:
    launcher.start_rehearsal_host("oncology", "alice", uuid.uuid4(), 1)
    rehearsed = ended(service, tmp_path / "one", "greeting==1.0\n", RunKind.REHEARSAL)
    lock = read_lock(rehearsed.lock or "")
    assert lock is not None
    folder = settings.homes / "environments"
    authors, tenants = folder / "users/alice/oncology", folder / "hosts/oncology"
    assert (authors / "made" / lock_digest(lock)).is_dir()
    assert not (tenants / "made").exists(), "a rehearsal installs nothing for the tenant"
    launcher.ensure_tenant_host("oncology")
    ended(service, tmp_path / "two", rehearsed.lock or "", RunKind.PIPELINE)
    assert (tenants / "made" / lock_digest(lock)).is_dir()
    if AS_ROOT:
        alice = user_identity(settings, "alice", "oncology")
        owners = {one.stat().st_uid for one in (authors, tenants)}
        assert len(owners) == 2
        assert authors.stat().st_uid == alice.uid
    assert {stat.S_IMODE(one.stat().st_mode) for one in (authors, tenants)} == {0o700}


def test_a_rehearsal_of_an_unknown_tenant_leaves_nothing(
    launcher: LocalLauncher, settings: Settings
) -> None:
    with pytest.raises(NotFound):
        launcher.start_rehearsal_host("nobody", "alice", uuid.uuid4(), 1)
    assert not (settings.homes / "environments").exists()
