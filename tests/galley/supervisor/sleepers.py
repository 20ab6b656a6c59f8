"""`galley up` with children that only sleep: the process tree without what it is for.

Run as a program it is the foreground process: ``python -m tests.galley.supervisor.sleepers HOME``.
Each child is ready once it has written its pid, and leaves an orphan in a session of its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from galley.domain.settings import Settings
from galley.domain.tenants_file import load
from galley.supervisor.child import ChildSpec
from galley.supervisor.deployment import Deployment
from galley.supervisor.home import HomeLock, make_folders, open_home
from galley.supervisor.options import Options
from galley.supervisor.report import Report
from galley.supervisor.up import up

TENANTS = """
tenants:
  team:
    display_name: Team
    members: {ann: [lead]}
    profiles: {small: {display_name: Small, cpu: 1, memory: 1 GiB}}
"""
SLEEP = """
import os, signal, sys, time
home, name, behaviour = sys.argv[1:]
if behaviour == "fails":
    sys.exit("no such luck")
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "stubborn" else signal.SIG_DFL)
        time.sleep(600)
    os._exit(0)
os.wait()
if behaviour == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(f"{home}/{name}.pid", "w") as file:
    file.write(str(os.getpid()))
time.sleep(600)
"""


def prepare(
    options: Options, foreground: int, report: Report
) -> tuple[Deployment, list[ChildSpec]]:
    home = open_home(options.home)
    lock = HomeLock(home)
    tenants_file = home / "tenants.yaml"
    if not tenants_file.exists():
        tenants_file.write_text(TENANTS)
    settings = Settings(
        home=home,
        tenants_file=tenants_file,
        hub_port=1,
        proxy_api_port=2,
        service_port=3,
        isolation="none",
        isolation_reason="bwrap not installed. To enable it, run: apt-get install bubblewrap",
    )
    make_folders(settings)
    deployment = Deployment(foreground, lock, settings, load(tenants_file))
    deployment.make_accounts()
    names = ("hub", "service")
    return deployment, [_spec(home, name, os.environ.get("BEHAVIOUR", "")) for name in names]


def _spec(home: Path, name: str, behaviour: str) -> ChildSpec:
    written = home / f"{name}.pid"
    return ChildSpec(
        name=name,
        argv=[sys.executable, "-c", SLEEP, str(home), name, behaviour],
        env=dict(os.environ),
        cwd=home,
        is_ready=written.exists,
        after=() if name == "hub" else ("hub",),
    )


if __name__ == "__main__":
    options = Options(home=Path(sys.argv[1]), die_with_parent="--die" in sys.argv)
    sys.exit(up(options, prepare))
