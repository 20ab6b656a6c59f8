"""Whether this machine can isolate sandboxes: found out by trying, not by guessing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from galley.domain.model import Model
from galley.sandbox import command, landlock
from galley.sandbox.identities import FIRST_UID
from galley.sandbox.python import interpreter_binds
from galley.sandbox.spec import SandboxSpec

INSTALL = "apt-get install -y bubblewrap slirp4netns util-linux"
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_DEBIAN = Path("/proc/sys/kernel/unprivileged_userns_clone")
TRY_S = 30


class Capabilities(Model):
    """What can be had here.

    Attributes:
        isolated: sandboxes with namespaces of their own work.
        internet: isolated sandboxes can reach other machines (through slirp4netns).
        landlock: version of Landlock, which walls in a kernel that is started; 0: there is none.
        missing: programs that are not installed.
        reason: why sandboxes are not isolated, in one sentence; None where they are.
        advice: the line that gives what is missing; None when nothing is.
    """

    isolated: bool
    internet: bool
    as_root: bool
    landlock: int = 0
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
    reason = try_sandbox()
    return Capabilities(
        isolated=reason is None,
        internet=reason is None and "slirp4netns" not in missing,
        as_root=as_root,
        landlock=landlock.version(),
        missing=missing,
        reason=reason,
        advice=install if reason is None else _advice(as_root=as_root),
    )


def try_sandbox() -> str | None:
    """Run this Python in a sandbox; return why that failed, or None."""
    with tempfile.TemporaryDirectory() as folder:
        spec = SandboxSpec(
            name="probe",
            argv=(sys.executable, "-I", "-c", "import galley"),
            env={"PATH": os.environ.get("PATH", os.defpath)},
            cwd=Path("/"),
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
            return f"a sandbox did not start within {TRY_S} seconds"
    if done.returncode == 0:
        return None
    return (done.stderr.strip() or f"a sandbox ended with {done.returncode}").splitlines()[-1]


def _advice(*, as_root: bool) -> str:
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
