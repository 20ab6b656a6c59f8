"""The composition root: real processes, and what is composed goes by the leases."""

from __future__ import annotations

import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from galley.domain.settings import Settings
from galley.sandbox import processes
from galley.service import INTERNAL, PREFIX
from galley.service.context import Context
from galley.service.process import compose
from galley.store import Store, leases
from galley.store.leases import LostLease
from galley.store.records import HostRow, TokenRow
from galley.store.tokens import HostIdentity, mint_host
from galley.supervisor.plan import child_specs, settings_path
from galley.vault import make_keys
from sqlalchemy import func, select

from tests.galley.sandbox.sandboxes import settings_in
from tests.galley.service.platform import eventually
from tests.journey.platform import free_port


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = settings_in(tmp_path).model_copy(
        update={
            "tenants_file": Path("hub_config/tenants.yaml").absolute(),
            "service_port": free_port(),
            "service_processes": 2,
        }
    )
    made.secrets.mkdir(parents=True, exist_ok=True)
    make_keys(made.secret_keys)
    for name in ("cookie-secret", "service-token", "mlflow-token", "proxy-token"):
        (made.secrets / name).write_text("x")
    made.service_state.mkdir(parents=True)
    settings_path(made.home).write_text(made.model_dump_json())
    return made


def test_each_process_answers_for_itself(settings: Settings) -> None:
    """They share a port: who asks there gets whichever the kernel chooses."""
    specs = [one for one in child_specs(settings, Path("proxy")) if "service" in one.name]
    living = [subprocess.Popen(one.argv, env=one.env, cwd=one.cwd) for one in specs]
    try:
        eventually(lambda: all(one.is_ready() for one in specs), within_s=60)
        assert leads(settings, "service") != leads(settings, "service-2")
        living[1].kill()
        living[1].wait(30)
        assert [one.is_ready() for one in specs] == [True, False]
    finally:
        for one in living:
            one.terminate()
            one.wait(30)
        processes.stop_all(processes.saved(settings.run / "hosts").values())  # they outlive it


def test_who_waits_for_work_is_answered_when_the_service_ends(
    settings: Settings, tmp_path: Path
) -> None:
    with closing(Store(settings.database)) as store:
        store.migrate()
        identity = HostIdentity(tenant="oncology", author="ada")
        secret = store.write(lambda s: mint_host(s, identity, datetime.now(UTC)))
    (spec,) = (one for one in child_specs(settings, Path("proxy")) if one.name == "service")
    log = tmp_path / "service.log"
    with log.open("wb") as stream, ThreadPoolExecutor(1) as pool:
        service = subprocess.Popen(spec.argv, env=spec.env, cwd=spec.cwd, stderr=stream)
        try:
            eventually(spec.is_ready, within_s=60)
            asked = pool.submit(
                httpx.post,
                f"http://127.0.0.1:{settings.service_port}{INTERNAL}/leases",
                json={"host": "oncology@here", "wait_s": 50},
                headers={"Authorization": f"Bearer {secret}"},
                timeout=60,
            )
            with closing(Store(settings.database)) as store:
                eventually(lambda: "oncology@here" in asking(store), within_s=30)
            assert not asked.done(), asked.result().text
            service.terminate()
            assert asked.result(20).status_code == 204
            assert service.wait(30) in {0, -signal.SIGTERM}
        finally:
            service.kill()
            service.wait(30)
            processes.stop_all(processes.saved(settings.run / "hosts").values())
    assert "Traceback" not in log.read_text()


def asking(store: Store) -> list[str]:
    return store.read(lambda s: list(s.scalars(select(HostRow.name))))


def leads(settings: Settings, name: str) -> bool:
    transport = httpx.HTTPTransport(uds=str(settings.service_socket(name)))
    with httpx.Client(transport=transport, base_url="http://service") as client:
        found = client.get(f"{PREFIX}/healthz").json()
        return bool(found["loops"]["scheduler"]["here"])


def test_a_host_is_only_started_by_who_holds_the_lease(settings: Settings) -> None:
    context: Context = compose(settings).state.context
    with closing(context.store):
        taken = context.store.write(
            lambda s: leases.claim(s, "launcher", "another", None, datetime.now(UTC))
        )
        assert taken is not None
        tenant = next(iter(context.tenants().tenants))
        with pytest.raises(LostLease, match="'launcher'"):
            context.launcher.ensure_tenant_host(tenant)
        assert tokens(context.store) == 0


def tokens(store: Store) -> int | None:
    return store.read(lambda s: s.scalar(select(func.count()).select_from(TokenRow)))
