"""What a task sees of the files of its host: a mount namespace, changed before it begins.

A host keeps all its attempts, its zygotes and the keys of its cluster in one folder, with one uid.
A task sees of that folder what is its own, and finds read-only what later runs rely on. Where
programs leave files for each other, in the home folder and in ``/tmp``, it finds what its own
attempt left.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from . import birth

_LIBC = ctypes.CDLL(None, use_errno=True)
_READ_ONLY, _NO_SUID, _NO_DEV, _NO_EXEC, _REMOUNT = 1, 2, 4, 8, 32
_NO_ATIME, _NO_DIR_ATIME, _BIND, _REC, _REL_ATIME = 1 << 10, 1 << 11, 1 << 12, 1 << 14, 1 << 21
_PRIVATE = 1 << 18
_PATH = os.O_PATH | os.O_CLOEXEC
_PLACE = _PATH | os.O_NOFOLLOW
_FOLDER = _PLACE | os.O_DIRECTORY
_SHOWN_BY_STATVFS = {1: _READ_ONLY, 2: _NO_SUID, 4: _NO_DEV, 8: _NO_EXEC}
_SHOWN_BY_STATVFS |= {1024: _NO_ATIME, 2048: _NO_DIR_ATIME, 4096: _REL_ATIME}
"""Flag of a mount as ``statvfs`` tells it → as ``mount`` takes it."""

_ESCAPED = re.compile(r"\\([0-7]{3})")


obstacle = ""
"""Why no task can be enclosed here; empty where :func:`try_out` has found nothing."""
foreign = ""
"""Why a task finds its host's processes in ``/proc``, not its own; empty where it finds its own."""


def try_out() -> None:
    """Find out in a process of its own what stands in the way of walls, by way of example."""
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
        enclose(
            {
                "hidden": [os.getcwd()],  # noqa: PTH109
                "shown": [],
                "read_only": [],
                "own": {"/tmp": os.getcwd()},  # noqa: PTH109, S108
                "shared_memory": 2**20,
            }
        )
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


def enclose_alone(walls: Mapping[str, Any]) -> str:
    """Enclose this process, which was just forked, in namespaces that it makes for itself.

    Returns what stands in the way, else an empty text.

    Raises:
        OSError: a mount is refused when others were made, so that it may not go on.
    """
    if said := birth.leave_files():
        return said
    birth.no_new_privileges()  # without that capability a Landlock domain is not to be had
    here = os.getcwd()  # noqa: PTH109
    try:
        try:
            _mount(None, "/", flags=_PRIVATE | _REC)
        except OSError as error:
            return str(error)
        enclose(walls)
    finally:
        birth.drop_capabilities()
    os.chdir(here)  # or it would be where the walls are not
    return ""


def enclose(walls: Mapping[str, Any]) -> None:
    """Hide, replace and protect files of the host for this process, in its own mount namespace.

    Args:
        walls: ``hidden``: folders that are seen without what is in them, but for ``shown``: paths
            below them, and ``read_only``: paths that can be read and not be changed, there or
            anywhere else. ``own``: folder → another one that is seen in its place, likewise; what
            is mounted in it, and what this interpreter needs of it, stays. ``shared_memory``: how
            much of it there may be in files, bytes; 0: as much as there is. What does not exist
            is left out.

    Raises:
        OSError: a mount is refused.
    """
    read_only = [path for path in walls["read_only"] if os.path.exists(path)]  # noqa: PTH110
    shown = [*walls["shown"], *read_only]
    with _kept([*walls["own"].values()], _FOLDER) as own:  # one may lie in another one's place
        for folder, inner in walls["own"].items():
            if os.path.isdir(folder):  # noqa: PTH112
                wanted = [*shown, *_mounted(), *_needed()]
                _replace(folder, own[inner], _below(folder, wanted))
    for folder in walls["hidden"]:
        if os.path.isdir(folder) and not _within(folder, walls["own"]):  # noqa: PTH112
            _hide(folder, _below(folder, shown))
    if walls["shared_memory"]:
        size = f"mode=1777,size={walls['shared_memory']}"
        _mount("galley", "/dev/shm", "tmpfs", _NO_SUID | _NO_DEV, size)  # noqa: S108
    for path in read_only:
        _mount(path, path, flags=_BIND | _REC)
        _protect(path)


def _below(folder: str, paths: Iterable[str]) -> list[str]:
    """Return which of the paths are there and in the folder, without those in one of the others."""
    found: list[str] = []
    for path in sorted({*paths}):
        inside = path.startswith(f"{folder}{os.sep}") and os.path.exists(path)  # noqa: PTH110
        if inside and not _within(path, found):
            found.append(path)
    return found


def _within(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(f"{folder}{os.sep}") for folder in folders)


def _mounted() -> list[str]:
    """Return where something is mounted."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        return [_ESCAPED.sub(_unescaped, line.split()[4]) for line in file]


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 8))


def _needed() -> list[str]:
    """Return where this interpreter finds its modules."""
    places = [os.path.dirname(__file__), sys.prefix, sys.base_prefix, *sys.path]  # noqa: PTH120
    return [os.path.abspath(place) for place in places if place]  # noqa: PTH100


def _replace(folder: str, inner: int, shown: Sequence[str]) -> None:
    with _kept(shown) as kept:
        _bind(inner, folder)
        for path in shown:
            _show(folder, path, kept[path])


def _hide(folder: str, shown: Sequence[str]) -> None:
    with _kept(shown) as kept:
        _mount("galley", folder, "tmpfs", _NO_SUID | _NO_DEV, "mode=0700,size=1m")
        for path in shown:
            _show(folder, path, kept[path])
    _protect(folder)


def _show(folder: str, path: str, kept: int) -> None:
    """Have what was kept be there again, below ``folder``.

    On the way no link is followed: it may be one that an earlier task has made.
    """
    *way, name = os.path.relpath(path, folder).split(os.sep)  # noqa: PTH206
    place = os.open(folder, _PATH)
    try:
        for part in way:
            place = _entered(place, part)
        if os.path.isdir(f"/proc/self/fd/{kept}"):  # noqa: PTH112
            place = _entered(place, name)
        else:
            with _free(place, name, stat.S_ISREG):
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=place))
            place = _opened(place, name, _PLACE)
        _bind(kept, f"/proc/self/fd/{place}")
    finally:
        os.close(place)


def _entered(place: int, name: str) -> int:
    """Return a folder in an open one, made where it is missing; the open one is closed."""
    with _free(place, name, stat.S_ISDIR):
        os.mkdir(name, 0o700, dir_fd=place)
    return _opened(place, name, _FOLDER)


def _opened(place: int, name: str, flags: int) -> int:
    inner = os.open(name, flags, dir_fd=place)
    os.close(place)
    return inner


@contextmanager
def _free(place: int, name: str, fits: Callable[[int], bool]) -> Iterator[None]:
    """Make a file or folder where there is none; what does not fit goes out of the way."""
    with suppress(FileNotFoundError):
        found = os.stat(name, dir_fd=place, follow_symlinks=False)
        if not fits(found.st_mode):
            os.rename(name, f"{name}.{os.urandom(4).hex()}", src_dir_fd=place, dst_dir_fd=place)
    with suppress(FileExistsError):
        yield


def _bind(fd: int, path: str) -> None:
    _mount(f"/proc/self/fd/{fd}", path, flags=_BIND | _REC)


@contextmanager
def _kept(paths: Sequence[str], flags: int = _PATH) -> Iterator[dict[str, int]]:
    """Hold on to paths that are going to be hidden."""
    opened: dict[str, int] = {}
    try:
        for path in paths:
            opened[path] = os.open(path, flags)
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
