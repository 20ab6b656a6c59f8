"""The options of bubblewrap for a spec: pure, so that it can be read and tested.

As root, bubblewrap makes the namespaces and ``setpriv`` drops to the sandbox's own uid without
capabilities. As an ordinary user a user namespace does the same with the user's own uid.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from galley.sandbox.spec import SCRATCH, Bind, SandboxSpec

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
RUNTIMES = (
    "R",
    *(f"java-{release}-openjdk" for release in (8, 11, 17, 21, 25)),
    "julia",
    "freetds",
    "krb5.conf",
    "odbcinst.ini",
)
"""What languages and database drivers under ``/usr`` read of ``/etc``, and holds no passwords."""
ETC = (
    *RUNTIMES,
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "fonts",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "pki",
    "profile",
    "profile.d",
    "ssl",
    "terminfo",
    "timezone",
)
"""What of ``/etc`` is visible inside; identities, hosts and resolver are written per sandbox."""

WRITTEN = ("passwd", "group", "hosts", "nsswitch.conf", "resolv.conf")
GPU_SYSTEM = ("/sys/bus/pci", "/sys/module/nvidia", "/sys/class/drm")
TMP_BYTES = 2 * 2**30
"""Size of the scratch folders where the spec names no memory limit."""


def options(
    spec: SandboxSpec,
    etc: Path,
    *,
    as_root: bool,
    gpu_devices: Iterable[str] = (),
    sized: bool = True,
) -> list[str]:
    """Return bubblewrap's options, without the command to run inside.

    Args:
        etc: folder of the files named in :data:`WRITTEN`.
        gpu_devices: device files to show when ``spec.gpus``.
        sized: whether this bubblewrap can limit the size of a folder in memory (from 0.8).
    """
    gpus = tuple(gpu_devices) if spec.gpus else ()
    binds = (*_system(spec.gpus), *_etc(etc), *_spec_binds(spec.binds))
    size = ("--size", str(spec.memory or TMP_BYTES)) if sized else ()
    return [
        *([] if as_root else ["--unshare-user"]),
        *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--unshare-cgroup-try", "--hostname", spec.name),
        *("--die-with-parent", "--new-session"),
        *("--perms", "0755", "--dir", "/var", "--proc", "/proc", "--dev", "/dev"),
        *(word for folder in SCRATCH for word in ("--perms", "1777", *size, "--tmpfs", folder)),
        # After the scratch folders: a checkout or a home folder may lie below /tmp.
        *_parents(path for _, _, path in binds),
        *("--perms", "0755", "--dir", "/run"),
        *_system_links(),
        *(word for bind in binds for word in bind),
        *(word for device in gpus for word in ("--dev-bind-try", device, device)),
        *("--remount-ro", "/", "--chdir", str(spec.cwd)),
    ]


_WHOLE_PROC = 'mount -n -t proc -o nosuid,nodev,noexec proc /proc; exec "$@"'
"""As root, bubblewrap covers those folders of ``/proc`` that it could write to. Whoever it runs
cannot write there anyway, and may give a process namespace a ``/proc`` only where all of one is
visible. Where the mount is refused the sandbox does without."""


def drop_privileges(spec: SandboxSpec) -> list[str]:
    """Return the words before the command that make root the sandbox's own identity."""
    return [
        *("sh", "-c", _WHOLE_PROC, "sh"),
        "setpriv",
        f"--reuid={spec.uid}",
        f"--regid={spec.gid}",
        "--clear-groups",
        "--no-new-privs",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--",
    ]


def _system_links() -> list[str]:
    """``/bin`` and its like, where the distribution makes them links into ``/usr``."""
    links = [(Path(name).readlink(), name) for name in SYSTEM if Path(name).is_symlink()]
    return [word for source, name in links for word in ("--symlink", str(source), name)]


def _system(gpus: bool) -> list[tuple[str, str, str]]:
    folders = [name for name in SYSTEM if Path(name).is_dir() and not Path(name).is_symlink()]
    devices = ["/sys/devices/system", *(GPU_SYSTEM if gpus else ())]
    return [
        *(("--ro-bind", name, name) for name in folders),
        *(("--ro-bind-try", name, name) for name in devices),
    ]


def _etc(written: Path) -> list[tuple[str, str, str]]:
    return [
        *(("--ro-bind-try", f"/etc/{name}", f"/etc/{name}") for name in ETC),
        *(("--ro-bind", str(written / name), f"/etc/{name}") for name in WRITTEN),
    ]


def _spec_binds(binds: Iterable[Bind]) -> list[tuple[str, str, str]]:
    """Outer folders first, so that a bind inside another one is not hidden by it."""
    return [
        ("--bind" if bind.mode == "rw" else "--ro-bind", str(bind.source), str(bind.target))
        for bind in sorted(binds, key=lambda bind: len(bind.target.parts))
    ]


def _parents(targets: Iterable[str]) -> list[str]:
    """Make each missing parent folder 0755; bubblewrap would make it 0700."""
    folders = {
        parent
        for target in targets
        for parent in PurePosixPath(target).parents
        if str(parent) not in {"/", "/usr", "/tmp", "/dev", "/proc"}  # noqa: S108
    }
    ordered = sorted(folders, key=lambda folder: len(folder.parts))
    return [word for folder in ordered for word in ("--perms", "0755", "--dir", str(folder))]
