"""From a fork of the zygote to a process that stands apart: its own session, pids and limits.

Two processes: the *init* is the first one of a pid namespace and collects what is orphaned there;
it dies with the zygote, and SIGTERM has it end the task. The *task* is the second, so that signals
mean to it what they mean to any process. When the init ends, the kernel ends whatever the task
started, daemons included. Where namespaces are not to be had, the init ends its descendants itself,
and the caller is told.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

_LIBC = ctypes.CDLL(None, use_errno=True)
_HOLDING = ctypes.PyDLL(None, use_errno=True)
"""The same, without letting go of the interpreter's lock meanwhile."""
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_CAPBSET_DROP = 1, 4, 36, 24
_PR_SET_NO_NEW_PRIVS = 38
_NEW_USER, _NEW_PID, _NEW_IPC, _NEW_FILES = 0x10000000, 0x20000000, 0x08000000, 0x00020000
_SIBLING = 0x00008000
_CAPABILITIES, _SYS_ADMIN = 64, 21
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CLONE = {"x86_64": 56, "aarch64": 220}
_UID, _GID = os.getuid(), os.getgid()  # before there is a namespace that does not know them yet
ALONE = " alone"
NOT_BEGUN = 113
"""Exit code of a task that could not be what it was told to be."""
apart = False
"""Whether this process has namespaces of its own."""


def own_memory() -> int:
    """Return the resident memory of this process that comes from no file, bytes."""
    pages = Path("/proc/self/statm").read_text().split()
    return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE")


def hide() -> None:
    """Make environment and memory of this process, and of its forks, unreadable to its own uid."""
    _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def fork(*, isolate: bool, sibling: bool = False) -> tuple[int, str]:
    """Fork this process, which has one thread, into the init of a new task.

    It is born into its namespaces: to make a process and have that fork into them costs one more
    copy of the zygote's memory map for each task.

    Args:
        isolate: whether to try for namespaces of its own.
        sibling: whether it is to be a child of this process's parent, who waits for it.

    Returns:
        The init's pid, 0 in the init itself; and what stands in the way of namespaces, empty where
        nothing does. SIGTERM is blocked in the init.
    """
    # Until its handler is there, a SIGTERM waits; the first process of a namespace would lose it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    obstacle = "not asked for"
    pid = -1
    whose = _SIBLING if sibling else 0
    if isolate:
        pid, obstacle = _clone(_NEW_USER | _NEW_PID | _NEW_IPC | _NEW_FILES | whose)
    try:
        if pid < 0:
            pid = _fork_sibling() if sibling else os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        raise
    if pid != 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    return pid, obstacle


def _fork_sibling() -> int:
    pid, failed = _clone(_SIBLING)
    if pid < 0:
        raise OSError(failed)
    return pid


def _clone(flags: int) -> tuple[int, str]:
    """Fork into new namespaces; returns -1 and why not where they are not to be had.

    The state of Python and of C libraries is as it was, which is enough for a process of one
    thread that only forks, waits and writes. What has to follow a fork in a library follows
    Python's own one, into the task.
    """
    number = _CLONE.get(os.uname().machine)
    if number is None:
        return -1, f"no namespaces on {os.uname().machine}"
    pid = int(_HOLDING.syscall(number, flags | signal.SIGCHLD, 0, 0, 0, 0))
    failed = ctypes.get_errno()
    return pid, "" if pid >= 0 else f"clone: {os.strerror(failed)}"


def deliver(
    task: Callable[[], None], *, obstacle: str, birth: socket.socket, status: int
) -> NoReturn:
    """Make the calling process, which :func:`fork` made, the init of a new task.

    Args:
        task: runs in the task's process; the process ends when it returns. It has the
            capabilities of its namespaces until it calls :func:`drop_capabilities`.
        obstacle: as :func:`fork` told it.
        birth: gets one message with the task's credentials, from which the kernel tells its pid:
            what stood in the way of a pid namespace, empty where nothing did.
        status: file descriptor that gets the task's wait status as text, and ``alone`` where
            nothing else of it was alive by then.
    """
    global apart
    os.setsid()
    if not obstacle:
        obstacle = own_namespace()
    apart = not obstacle
    die_with_parent()
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if (pid := os.fork()) == 0:
        os.close(status)
        die_with_parent()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        _begin(birth, obstacle)
        task()
        os._exit(0)
    drop_capabilities()
    _watch(pid, status)
    os._exit(0)


def _on_term(pid: int, number: int) -> None:
    """Pass SIGTERM on; it may come when ``pid`` has ended, but how it ended is still to be told."""

    def pass_on(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _begin(birth: socket.socket, obstacle: str) -> None:
    os.setsid()
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what it started stays below it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ids = struct.pack("3i", os.getpid(), os.getuid(), os.getgid())
    credentials = [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, ids)]
    birth.sendmsg([obstacle.encode() or b"\0"], credentials)
    birth.close()


def _watch(pid: int, status: int) -> None:
    """Collect children until the task ends; say how, and leave nothing behind."""
    _on_term(pid, signal.SIGKILL)
    _leave_open(status)
    while True:
        ended, how = os.waitpid(-1, 0)
        if ended == pid:
            break
    first = os.getpid() == 1
    os.write(status, f"{how}{ALONE if first and _is_alone() else ''}".encode())
    if first:
        return  # the kernel ends all others of the namespace with this process
    while children := children_of(os.getpid()):
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _is_alone() -> bool:
    """Whether this process, the first of its namespace, is the last one as well."""
    try:
        os.kill(-1, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # there are some, which took another uid
    return False


def children_of(pid: int) -> list[int]:
    """Return the children of a process, those included that only wait to be collected."""
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if entry.isdigit():
            with contextlib.suppress(OSError):
                stat = Path(f"/proc/{entry}/stat").read_text()
                if int(stat.rpartition(")")[2].split()[1]) == pid:
                    found.append(int(entry))
    return found


def own_namespace() -> str:
    """Be oneself in the new user namespace; returns what stands in the way, else an empty text."""
    # The maps are files of this process, which belong to root as long as it is hidden.
    _LIBC.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{_UID} {_UID} 1")
        Path("/proc/self/gid_map").write_text(f"{_GID} {_GID} 1")
    except OSError as error:
        drop_capabilities()
        return str(error)
    finally:
        hide()
    return ""


def leave_files() -> str:
    """Take a user and a mount namespace of its own; returns what stands in the way."""
    global apart
    if _LIBC.unshare(_NEW_USER | _NEW_FILES) != 0:
        return f"unshare: {os.strerror(ctypes.get_errno())}"
    said = own_namespace()
    apart = not said
    return said


def no_new_privileges() -> None:
    """Let no program that is executed from here on have more rights than this process."""
    _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def drop_capabilities() -> None:
    """Give up what a new user namespace brings: more than the task had.

    Root keeps what it has elsewhere, but for what takes walls down.
    """
    number = _CAPSET.get(os.uname().machine)
    root = os.geteuid() == 0
    if number is None or (root and not apart):
        return
    for capability in [_SYS_ADMIN] if root else range(_CAPABILITIES):
        _LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header, left = struct.pack("Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
    if root:
        _LIBC.syscall(number - 1, header, left)  # capget
        words = struct.unpack("6I", left.raw)
        words = (*(word & ~(1 << _SYS_ADMIN) for word in words[:3]), *words[3:])
        left = ctypes.create_string_buffer(struct.pack("6I", *words), 24)
    _LIBC.syscall(number, header, left)


def show() -> None:
    """Let whoever this process belongs to look into it again: its limits are watched from there.

    Its siblings are in other user namespaces, so they may not.
    """
    if apart:
        _LIBC.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


def die_with_parent() -> None:
    """Have the kernel end this process when its parent ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _leave_open(*wanted: int) -> None:
    """Close all files but the standard ones and ``wanted``: the end of a pipe must be seen."""
    for fd in {int(name) for name in os.listdir("/proc/self/fd")} - {0, 1, 2, *wanted}:  # noqa: PTH208
        with contextlib.suppress(OSError):
            os.close(fd)
