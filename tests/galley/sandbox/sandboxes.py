"""Real sandboxes of two tenants for the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from galley.domain.settings import Settings
from galley.domain.tenants import Tenants
from galley.sandbox import command
from galley.sandbox.spec import SandboxSpec
from galley.sandbox.workspace import tenant_spec, user_identity

from tests.galley.sandbox import attempts

PATIENCE_S = 90
ATTEMPTS = Path(attempts.__file__).read_text()
AS_ROOT = os.geteuid() == 0
_LISTEN = "0A"

_PROFILE = {"display_name": "Small", "cpu": 1, "memory": "1 GiB"}
TENANTS = Tenants.model_validate(
    {
        "tenants": {
            "oncology": {
                "display_name": "Oncology",
                "members": {"alice": ["data-scientist"], "bob": ["lead"]},
                "profiles": {"small": _PROFILE},
                "datasets": {
                    "reference": {"uri": "datasets/reference", "create": True},
                    "shared": {"uri": "datasets/shared", "mode": "rw", "create": True},
                },
            },
            "winery": {
                "display_name": "Winery",
                "members": {"dave": ["data-scientist"]},
                "profiles": {"small": _PROFILE},
            },
        }
    }
)


def settings_in(home: Path) -> Settings:
    return Settings(
        home=home,
        tenants_file=home / "tenants.yaml",
        port=8000,
        hub_port=1,
        proxy_api_port=2,
        service_port=3,
        isolation="full",
        tracking_patience_s=1,
    )


def until(condition: Callable[[], Any], what: str) -> Any:
    """Return the first true value of ``condition``."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)
    return value


def member_spec(
    settings: Settings, user: str, tenant: str, *argv: str, env: Mapping[str, str] | None = None
) -> SandboxSpec:
    """Return the sandbox of a member's server, with another program in its place."""
    declared = TENANTS.tenants[tenant]
    return tenant_spec(
        settings,
        tenant,
        declared,
        identity=user_identity(settings, user, tenant),
        profile=declared.profiles["small"],
        name=f"{tenant}-{user}",
        argv=argv,
        env=env or {},
    )


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-c", code, *arguments)


def run(settings: Settings, spec: SandboxSpec) -> subprocess.CompletedProcess[str]:
    """Run a sandbox to its end."""
    return subprocess.run(
        command(spec, settings.run / f"{spec.name}.json"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def try_inside(settings: Settings, user: str, tenant: str, **asked: Any) -> dict[str, Any]:
    """Try things in a member's sandbox; return what succeeded, by kind."""
    spec = member_spec(settings, user, tenant, *python(ATTEMPTS, json.dumps(asked)))
    return _report(run(settings, spec))


def try_outside(*prefix: str, **asked: Any) -> dict[str, Any]:
    """Try the same as the platform's own account: shows that the attempts can succeed at all."""
    argv = [*prefix, *python(ATTEMPTS, json.dumps(asked))]
    return _report(subprocess.run(argv, capture_output=True, text=True, check=False))


def _report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@contextmanager
def running(settings: Settings, spec: SandboxSpec) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a sandbox running; its output goes to files in ``settings.logs``."""
    settings.logs.mkdir(parents=True, exist_ok=True)
    with (settings.logs / f"{spec.name}.log").open("wb") as log:
        process = subprocess.Popen(
            command(spec, settings.run / f"{spec.name}.json"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def log_of(settings: Settings, spec: SandboxSpec) -> str:
    return (settings.logs / f"{spec.name}.log").read_text()


def tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return what runs below a runner."""
    return psutil.Process(process.pid).children(recursive=True)


def listening(process: psutil.Process) -> set[int]:
    """Return all TCP ports that are listened on in the network of ``process``."""
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{process.pid}/net/{name}").read_text().splitlines()[1:]
    ]
    return {int(fields[1].rpartition(":")[2], 16) for fields in lines if fields[3] == _LISTEN}


ENTER = """
import os, sys
from galley.sandbox.namespaces import Network
network = Network(int(sys.argv[1]))
network.become_owner()
network.join()
os.execv(sys.argv[2], sys.argv[2:])
"""


def enter_network(process: psutil.Process) -> tuple[str, ...]:
    """Return the words that run a program in the network of ``process``."""
    return python(ENTER, str(process.pid))
