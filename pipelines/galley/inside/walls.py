"""What a task sees of the files of its host: a mount namespace, changed before it begins.

A host keeps all its attempts, its zygotes and the keys of its cluster in one folder, with one uid.
A task sees of that folder what is its own, and finds read-only what later runs rely on.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from . import birth

_LIBC = ctypes.CDLL(None, use_errno=True)
_READ_ONLY, _NO_SUID, _NO_DEV, _NO_EXEC, _REMOUNT = 1, 2, 4, 8, 32
_NO_ATIME, _NO_DIR_ATIME, _BIND, _REC, _REL_ATIME = 1 << 10, 1 << 11, 1 << 12, 1 << 14, 1 << 21
_SHOWN_BY_STATVFS = {1: _READ_ONLY, 2: _NO_SUID, 4: _NO_DEV, 8: _NO_EXEC}
_SHOWN_BY_STATVFS |= {1024: _NO_ATIME, 2048: _NO_DIR_ATIME, 4096: _REL_ATIME}
"""Flag of a mount as ``statvfs`` tells it → as ``mount`` takes it."""


obstacle = ""
"""Why no task can be enclosed here; empty where :func:`try_out` has found nothing."""
foreign = ""
"""Why a task finds its host's processes in ``/proc``, not its own; empty where it finds its own."""


def try_out() -> None:
    """Find out in a process of its own what stands in the way of hiding the current folder."""
    global obstacle, foreign
    reading, writing = os.pipe()
    init, obstacle = birth.fork(isolate=True)
    if init == 0:
        try:
            os.write(writing, json.dumps((obstacle, "") if obstacle else _tried()).encode())
        finally:
            os._exit(0)  # whatever happened: this must not go on as a second zygote
    os.close(writing)
    with os.fdopen(reading) as told:
        obstacle, foreign = json.loads(told.read() or '["it ended when it was tried", ""]')
    os.waitpid(init, 0)


def _tried() -> tuple[str, str]:
    """Return what stands in the way of a process that was just forked into its namespaces."""
    refused = ""
    try:
        if said := birth.own_namespace():
            return said, ""
        try:
            own_processes()
        except OSError as error:
            refused = str(error)
        enclose({"hidden": [os.getcwd()], "shown": [], "read_only": []})  # noqa: PTH109
    except Exception as error:  # a zygote that knows why is of use all the same
        return str(error) or type(error).__name__, refused
    return "", refused


def own_processes() -> None:
    """Have ``/proc`` be of this process's own pid namespace, which what looks there takes it for.

    psutil does, and so does whatever uses it, such as Dask's workers.

    Raises:
        OSError: the mount is refused; it is where parts of ``/proc`` are covered.
    """
    _mount("proc", "/proc", "proc", _NO_SUID | _NO_DEV | _NO_EXEC)


def enclose(walls: Mapping[str, Any]) -> None:
    """Hide and protect files of the host from this process, in its own mount namespace.

    Args:
        walls: ``hidden``: folders that are seen without what is in them, but for ``shown``: paths
            below them, and ``read_only``: paths that can be read and not be changed, there or
            anywhere else. What does not exist is left out.

    Raises:
        OSError: a mount is refused.
    """
    read_only = [path for path in walls["read_only"] if os.path.exists(path)]  # noqa: PTH110
    for folder in walls["hidden"]:
        if not os.path.isdir(folder):  # noqa: PTH112
            continue
        below = f"{folder}{os.sep}"
        shown = [one for one in (*walls["shown"], *read_only) if one.startswith(below)]
        _hide(folder, [one for one in shown if os.path.exists(one)])  # noqa: PTH110
    for path in read_only:
        _mount(path, path, flags=_BIND | _REC)
        _protect(path)


def _hide(folder: str, shown: Sequence[str]) -> None:
    with _kept(shown) as kept:
        _mount("galley", folder, "tmpfs", _NO_SUID | _NO_DEV, "mode=0700,size=1m")
        for path, fd in kept.items():
            if os.path.isdir(f"/proc/self/fd/{fd}"):  # noqa: PTH112
                os.makedirs(path, exist_ok=True)  # noqa: PTH103
            else:
                os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            _mount(f"/proc/self/fd/{fd}", path, flags=_BIND | _REC)
    _protect(folder)


@contextmanager
def _kept(paths: Sequence[str]) -> Iterator[dict[str, int]]:
    """Hold on to paths that are going to be hidden."""
    opened: dict[str, int] = {}
    try:
        for path in paths:
            opened[path] = os.open(path, os.O_PATH | os.O_CLOEXEC)
        yield opened
    finally:
        for fd in opened.values():
            os.close(fd)


def _protect(path: str) -> None:
    has = os.statvfs(path).f_flag
    kept = sum(flag for told, flag in _SHOWN_BY_STATVFS.items() if has & told)
    _mount(None, path, flags=kept | _BIND | _REMOUNT | _READ_ONLY)


def _mount(
    source: str | None, target: str, kind: str | None = None, flags: int = 0, data: str = ""
) -> None:
    given = (None if text is None else os.fsencode(text) for text in (source, target, kind))
    if _LIBC.mount(*given, ctypes.c_ulong(flags), os.fsencode(data)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount: {os.strerror(number)}", target)
