"""The same walls where the platform belongs to an ordinary user: by user namespaces.

As root, the runner is started as another uid, with the system's Python and a copy of the code,
since neither the checkout nor its environment needs to be readable for that user.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import galley
import pytest
from galley.sandbox.internet import local_addresses
from galley.sandbox.plan import write_plan
from galley.sandbox.spec import Bind, SandboxSpec

from tests.galley.sandbox.sandboxes import ATTEMPTS, PATIENCE_S

UID = 65533 if os.geteuid() == 0 else os.geteuid()
GID = 65533 if os.geteuid() == 0 else os.getegid()
PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin:/bin")
AS_USER = (
    ["setpriv", f"--reuid={UID}", f"--regid={GID}", "--clear-groups"] if os.geteuid() == 0 else []
)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the ordinary user's, with a copy of the runner."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    source = Path(galley.__file__).parent
    (folder / "code/galley").mkdir(parents=True)
    shutil.copy(source / "__init__.py", folder / "code/galley")
    shutil.copytree(source / "sandbox", folder / "code/galley/sandbox")
    (folder / "home").mkdir()
    (folder / "secret").write_text("secret")
    monkeypatch.setattr(os, "geteuid", lambda: UID)
    monkeypatch.setattr(os, "getuid", lambda: UID)
    monkeypatch.setattr(os, "getgid", lambda: GID)
    yield folder
    monkeypatch.undo()
    shutil.rmtree(folder)


def run(home: Path, **asked: Any) -> subprocess.CompletedProcess[str]:
    assert PYTHON is not None, "the system has no Python 3"
    spec = SandboxSpec(
        name="ordinary",
        argv=(PYTHON, "-I", "-c", ATTEMPTS, json.dumps(asked)),
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
        cwd=Path("/home/dana"),
        user="dana",
        home=Path("/home/dana"),
        uid=200_000,
        gid=200_000,
        binds=(Bind(source=home / "home", target=Path("/home/dana"), mode="rw"),),
        internet=True,
    )
    plan = home / "run" / "plan.json"
    write_plan(spec, plan)
    subprocess.run(["chown", "-R", f"{UID}:{GID}", str(home)], check=True)
    return subprocess.run(
        [*AS_USER, PYTHON, "-P", "-m", "galley.sandbox", str(plan)],
        cwd=home / "code",
        env={"PYTHONPATH": str(home / "code"), "PATH": "/usr/sbin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_an_ordinary_users_sandbox_has_the_same_walls(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        hosts = ("127.0.0.1", "10.0.2.2", *local_addresses())
        done = run(
            home,
            read=[str(home / "secret"), "/home/dana/mine", "/etc/shadow"],
            write=["/home/dana/mine", "/etc/mine"],
            connect=[[host, port] for host in hosts],
        )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["uid"] == UID
    assert report["read"] in ([], ["/home/dana/mine"])  # written at about the same time
    assert report["write"] == ["/home/dana/mine"]
    assert report["connect"] == []
    assert "pytest" not in report["processes"]
    assert len(report["processes"].split("pid ")) <= 6
    assert (home / "home/mine").stat().st_uid == UID
