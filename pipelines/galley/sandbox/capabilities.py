"""Whether this machine can isolate sandboxes: found out by trying, not by guessing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from galley.domain.model import Model
from galley.sandbox import command, landlock
from galley.sandbox.identities import FIRST_UID
from galley.sandbox.python import interpreter_binds
from galley.sandbox.spec import SandboxSpec

INSTALL = "apt-get install -y bubblewrap slirp4netns util-linux"
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_DEBIAN = Path("/proc/sys/kernel/unprivileged_userns_clone")
TRY_S = 30
_TRIAL = """
import json
from galley.inside import walls
try:
    walls.try_out()
    found = walls.obstacle, walls.foreign
except Exception as error:
    found = repr(error), repr(error)
print(json.dumps(found))
"""
"""What the sandbox is tried out with: a task in it, as the zygotes of a host try theirs. Where that
fails the sandbox is one all the same."""
_RUNNER = "galley sandbox"
"""What lines of a sandbox's runner begin with."""
_COVERED = "mount proc"
"""What bubblewrap says where parts of ``/proc`` are covered, as they are in most containers."""


class Capabilities(Model):
    """What can be had here.

    Attributes:
        isolated: sandboxes with namespaces of their own work.
        internet: isolated sandboxes can reach other machines (through slirp4netns).
        landlock: version of Landlock, which walls in a kernel that is started; 0: there is none.
        unwalled: why a task reads files of others of its tenant; empty where it does not.
        foreign: why a task does not find itself in ``/proc``; empty where it does.
        missing: programs that are not installed.
        reason: why sandboxes are not isolated, in one sentence; None where they are.
        advice: the line that gives what is missing; None when nothing is.
    """

    isolated: bool
    internet: bool
    as_root: bool
    landlock: int = 0
    unwalled: str = ""
    foreign: str = ""
    missing: tuple[str, ...] = ()
    reason: str | None = None
    advice: str | None = None


def probe() -> Capabilities:
    """Start a real sandbox and report what it found."""
    as_root = os.geteuid() == 0
    needed = ("bwrap", "setpriv") if as_root else ("bwrap",)
    missing = tuple(name for name in (*needed, "slirp4netns") if shutil.which(name) is None)
    install = f"{'' if as_root else 'sudo '}{INSTALL}" if missing else None
    if lacking := [name for name in needed if name in missing]:
        return Capabilities(
            isolated=False,
            internet=False,
            as_root=as_root,
            landlock=landlock.version(),
            missing=missing,
            reason=f"{' and '.join(lacking)} not installed",
            advice=install,
        )
    tried = try_sandbox()
    return Capabilities(
        isolated=tried.reason is None,
        internet=tried.reason is None and "slirp4netns" not in missing,
        as_root=as_root,
        landlock=landlock.version(),
        unwalled=tried.unwalled,
        foreign=tried.foreign,
        missing=missing,
        reason=tried.reason,
        advice=install if tried.reason is None else _advice(tried.reason, as_root=as_root),
    )


class Tried(NamedTuple):
    """How a sandbox that was tried out went; fields as of :class:`Capabilities`."""

    reason: str | None
    unwalled: str = ""
    foreign: str = ""


def try_sandbox() -> Tried:
    """Run this Python in a sandbox, and in it a process as a task is one."""
    with tempfile.TemporaryDirectory() as folder:
        spec = SandboxSpec(
            name="probe",
            argv=(sys.executable, "-I", "-c", _TRIAL),
            env={"PATH": os.environ.get("PATH", os.defpath)},
            cwd=Path("/tmp"),  # noqa: S108
            home=Path("/tmp"),  # noqa: S108
            uid=FIRST_UID - 1,
            gid=FIRST_UID - 1,
            binds=interpreter_binds(),
        )
        try:
            done = subprocess.run(
                command(spec, Path(folder) / "probe.json"),
                capture_output=True,
                text=True,
                timeout=TRY_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Tried(f"a sandbox did not start within {TRY_S} seconds")
    if done.returncode != 0:
        lines = done.stderr.splitlines() or [f"a sandbox ended with {done.returncode}"]
        # What the runner says of itself follows from what stopped the command.
        return Tried(
            next((one for one in reversed(lines) if not one.startswith(_RUNNER)), lines[-1])
        )
    return Tried(None, *json.loads(done.stdout))


def _advice(reason: str, *, as_root: bool) -> str:
    if _COVERED in reason:
        return (
            "Parts of /proc are covered here, as in most containers: start this one with all of it "
            "visible (Docker, Podman: --security-opt systempaths=unconfined), or Galley elsewhere."
        )
    if not as_root and _APPARMOR.exists() and _APPARMOR.read_text().strip() == "1":
        return "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    if not as_root and _DEBIAN.exists() and _DEBIAN.read_text().strip() == "0":
        return "sudo sysctl -w kernel.unprivileged_userns_clone=1"
    if as_root:
        return (
            "Namespaces are refused here (a container without CAP_SYS_ADMIN?): run on the machine "
            f"itself, or make {sys.prefix} and {sys.base_prefix} readable for everyone."
        )
    return f"chmod -R a+rX {sys.prefix}, or run as root"
