"""``python zygote.py SOCKET``: a process with its imports ready, forked for each notebook.

It only imports what an environment has installed: no code of a tenant, no token, no thread, no
event loop. A module that starts a thread, prints or asks for IPython when it is imported is left to
the notebooks: the zygote starts itself over without it, and a file beside its socket tells those
that come after it. When a file of what it has imported has changed it forks no more: who asks for a
fork finds none here then, and starts another zygote.

Who may ask for a fork: processes of the same uid that do not descend from a zygote themselves, so a
notebook cannot have itself forked out of its walls.

Configuration is one line of JSON on standard input: ``preload`` and ``without`` (names of modules)
and ``idle_s``. It says ``ready`` on standard output, once.

A request is one JSON text with file descriptors (the kernel's socket, output, errors):

    kind      ``batch``, ``kernel``: an ordinary kernel that serves a connection file, or
              ``cluster``: a Dask cluster, whose scheduler listens on the socket
    argv      of the kernel
    env, cwd  of the task; nothing of the zygote's environment stays
    isolate   whether to try for a pid namespace
    preload   modules that this and later notebooks are going to import
    compared  names of variables whose values suit this zygote, of which it sees none
    tag       of what the task belongs to

Where what is imported has read other variables than those, the answer is ``{"read": names}`` and
nothing is forked. Else it is ``{"pid", "obstacle", "inherited", "unwalled", "foreign"}``, later
``{"status"}``, a wait status. Closing the connection ends the task. ``{"kind": "end"}`` ends the
zygote, with a ``tag`` only its tasks.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

# jsonschema compiles this grammar at import, two seconds of CPU, only to check IRIs.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

PACKAGE = "galley_inside"
OWNER = "owner"
"""File in the socket's folder: the pid of the process that its zygotes end with."""
MAX_REQUEST = 4 * 2**20
FILES = 4
"""What comes with a request to fork: the kernel's connection, its output and errors, and a file
with its environment and secrets, which the fork alone reads."""
MAX_FAILURES = 3
"""How often a zygote whose template cannot fork makes another one."""
_CREDENTIALS = struct.Struct("3i")


def _adopt_siblings() -> None:
    """Make the files beside this one importable as a package, and their folder not otherwise."""
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [entry for entry in sys.path if entry != here]
    package = types.ModuleType(PACKAGE)
    package.__path__ = [here]
    sys.modules[PACKAGE] = package


def _sibling(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


class Zygote:
    """Serves one socket until it has been idle for too long, or its socket is gone."""

    def __init__(self, path: str, preload: list[str], without: list[str], idle_s: float) -> None:
        self._path = path
        self._preload = list(preload)
        self._preloader = _sibling("preload").Preloader(without, Path(path).with_suffix(".unfit"))
        # What a host's environments hold is installed once; on one's own machine files are edited.
        self._loaded = _sibling("changes").Loaded(installed=not os.path.exists(OWNER))  # noqa: PTH110
        self._idle_s = idle_s
        self._used_at = time.monotonic()
        self._asking: socket.socket | None = None
        self._selector = selectors.DefaultSelector()
        self._children: dict[socket.socket, tuple[int, int]] = {}
        self._tags: dict[socket.socket, str] = {}
        self._leaving: list[int] = []
        self._template: Any = None
        self._spare: Any = None
        self._wanted = False
        self._failures = 0
        self._listener: socket.socket | None = None
        self._owner: int | None = None
        self._aside = False
        self._ended = False

    def warm(self) -> None:
        """Import all that a kernel needs and what notebooks are going to import."""
        sys.modules["debugpy"] = None  # type: ignore[assignment]  # nobody debugs a batch run
        with _sibling("reseeding").noting():
            importlib.import_module("ipykernel.debugger")
        del sys.modules["debugpy"]
        base = [f"{PACKAGE}.batch", f"{PACKAGE}.task"]
        if not self._preloader.load(base, of_kernel=True) or not self._preloader.load(
            self._preload
        ):
            self._start_over()
        _sibling("batch").personal = not os.path.exists(OWNER)  # noqa: PTH110
        _sibling("walls").try_out()
        self._learn()
        _sibling("task").prime()
        self._loaded.note()
        gc.collect()
        gc.freeze()

    def _learn(self) -> None:
        """Have a fork be a kernel once, and import what it imported on the way."""
        reading, writing = os.pipe()
        if (pid := os.fork()) == 0:
            with contextlib.suppress(BaseException):
                before = set(sys.modules)
                _try_out()
                new = [name for name in sys.modules if name not in before]
                os.write(writing, json.dumps(new).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as said:
            names = json.loads(said.read() or "[]")
        os.waitpid(pid, 0)
        imported = [name for name in names if "__main__" not in name]
        if not self._preloader.load(imported, of_kernel=True):
            self._start_over()

    def _start_over(self) -> None:
        """Become a fresh zygote that leaves alone what was found unfit."""
        config = {
            "preload": self._preload,
            "without": sorted(self._preloader.unfit),
            "idle_s": self._idle_s,
        }
        fd = os.memfd_create("configuration")
        os.write(fd, json.dumps(config).encode() + b"\n")
        os.lseek(fd, 0, os.SEEK_SET)
        os.dup2(fd, 0)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606

    def serve(self) -> None:
        """Fork on request, until told to end."""
        listener = self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self._path)
        listener.listen(64)
        own = os.stat(self._path).st_ino  # noqa: PTH116
        self._follow_owner()
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        os.write(1, b"ready\n")
        os.dup2(2, 1)
        while (self._listener and not self._aside) or self._children:
            for key, _ in self._selector.select(timeout=1.0):
                if self._selector.get_map().get(key.fd) is key:  # news before it may have ended it
                    key.data(key.fileobj)
            self._reap()
            if self._ended or (self._listener and not _is_same(self._path, own)):
                break
            if not self._children and time.monotonic() - self._used_at > self._idle_s:
                self._retire()
            elif self._wanted and not self._aside and self._listener:
                self._provide()
        self._retire()
        for init, _ in self._children.values():
            os.kill(init, signal.SIGTERM)
        for client in list(self._children):
            self._collect(client)

    def _follow_owner(self) -> None:
        """End with the process that the folder belongs to, if it names one."""
        with contextlib.suppress(FileNotFoundError):
            owner = self._owner = int(Path(OWNER).read_text())
            try:
                ended = os.pidfd_open(owner)
            except ProcessLookupError:
                self._ended = True
                return
            self._selector.register(ended, selectors.EVENT_READ, self._orphaned)

    def _orphaned(self, _: object) -> None:
        self._ended = True

    def _retire(self) -> None:
        """Take no more requests: the next one finds no zygote here and starts another."""
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
            with contextlib.suppress(OSError):
                os.unlink(self._path)  # noqa: PTH108
        self._drop_template()

    def _step_aside(self) -> None:
        """Fork no more; by another name it is still found by who ends its tasks."""
        aside = self._path.replace(".sock", f".{os.getpid()}.sock")
        os.rename(self._path, aside)  # noqa: PTH104
        self._path, self._aside = aside, True
        self._drop_template()

    def _drop_template(self) -> None:
        if self._spare is not None:
            self._spare.end()
        if self._template is not None:
            self._selector.unregister(self._template.told)
            self._template.end()
        self._spare = self._template = None

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        client.settimeout(5)
        self._used_at = time.monotonic()
        try:
            if not _may_ask(client):
                raise PermissionError("a notebook may not ask for a fork")
            self._answer(client)
        except (OSError, ValueError) as error:
            with contextlib.suppress(OSError):
                client.sendall(json.dumps({"error": str(error)}).encode() + b"\n")
            client.close()

    def _answer(self, client: socket.socket) -> None:
        request, fds = _request(client)
        try:
            if request["kind"] == "end":
                if self._owner not in {None, _peer(client)[0]}:
                    raise PermissionError("only the owner of this folder may end what it forked")
                self._end(request.get("tag"))
                client.sendall(b"{}\n")
                client.close()
                return
            if not self._aside and self._loaded.changed():
                self._step_aside()
            if self._aside:
                client.close()  # without an answer: who hears none asks once more, of another one
                return
            self._wanted = self._failures < MAX_FAILURES and _sibling("spare").Spare.serves(request)
            if not self._preloaded(request.get("preload", [])):
                self._preload += request["preload"]
                # What is unfit is loaded now; this fork and later ones would carry its threads.
                self._step_aside()
                raise ValueError(f"unfit to be imported ahead: {sorted(self._preloader.unfit)}")
            if not self._preloader.read <= {*request.get("compared", [])}:
                client.sendall(json.dumps({"read": sorted(self._preloader.read)}).encode() + b"\n")
                client.close()
                return
            self._fork(client, request, fds)
        finally:
            for fd in fds:
                os.close(fd)

    def _preloaded(self, names: list[str]) -> bool:
        """Import what is new; a template that lacks it is of no use."""
        known = len(sys.modules)
        fit = bool(self._preloader.load(names))
        if len(sys.modules) != known:
            self._loaded.note()
            self._drop_template()
        return fit

    def _fork(self, client: socket.socket, request: dict[str, Any], fds: list[int]) -> None:
        self._asking = client
        try:
            born = self._taken(request, fds) or self._deliver(
                lambda: _sibling("task").run(request, fds),
                # Nobody gets a fork without walls of a host's: a kernel that was started may ask.
                isolate=bool(request.get("isolate")) or self._owner is not None,
            )
        finally:
            self._asking = None
        self._children[client] = (born.init, born.status)
        self._tags[client] = request.get("tag", "")
        answer = {"pid": born.pid, "obstacle": born.obstacle, "inherited": born.inherited}
        walls = _sibling("walls")
        answer["unwalled"], answer["foreign"] = born.obstacle or walls.obstacle, walls.foreign
        self._selector.register(client, selectors.EVENT_READ, self._drop)
        self._selector.register(born.status, selectors.EVENT_READ, lambda _: self._collect(client))
        try:
            client.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:  # it has gone; the end of its task is collected like any other's
            self._drop(client)

    def _taken(self, request: dict[str, Any], fds: list[int]) -> Any:
        """Return the spare, which has taken the request; None where there is none for it."""
        if not self._wanted or self._template is None or not self._template.ready:
            return None
        if self._spare is None:
            self._stock()
        spare, self._spare = self._spare, None
        if spare is not None and not spare.take(request, fds):
            spare.end()
            return None
        return spare

    def _deliver(self, task: Callable[[], None], *, isolate: bool) -> Any:
        """Fork a task; where it cannot be itself in namespaces of its own, without them."""
        try:
            return self._fork_into(task, isolate=isolate)
        except OSError as error:
            if not isolate:
                raise
            born = self._fork_into(task, isolate=False)
            born.obstacle = f"a user namespace of its own is of no use: {error}"
            return born

    def _fork_into(self, task: Callable[[], None], *, isolate: bool) -> Any:
        def fork(birth: socket.socket, status: int) -> tuple[int, int]:
            gc.freeze()
            inherited = _sibling("birth").own_memory()
            init, obstacle = _sibling("birth").fork(isolate=isolate)
            if init == 0:
                try:
                    self._forget()
                    _sibling("birth").deliver(task, obstacle=obstacle, birth=birth, status=status)
                finally:
                    os._exit(1)
            return init, inherited

        return _born(fork)

    def _forget(self) -> None:
        """In a fork: let go of what is the zygote's."""
        self._selector.close()
        if self._asking is not None:  # or the task could say itself how it has ended
            self._asking.close()
        for client, (_, reading) in self._children.items():
            client.close()
            os.close(reading)
        if self._listener is not None:
            self._listener.close()
        if self._template is not None:
            self._template.told.close()
        if self._spare is not None:
            self._spare.handoff.close()

    def _provide(self) -> None:
        """Have a spare ready for the next request, which is likely to come soon."""
        if self._template is None:
            try:
                self._template = _sibling("template").Template(self._forget)
            except OSError as error:  # of processes or files there are too many
                self._fail(str(error))
                return
            self._selector.register(self._template.told, selectors.EVENT_READ, self._hear)
        elif self._template.ready and self._spare is None:
            self._stock()

    def _hear(self, _: object) -> None:
        """Take what the template tells: that it is ready, or by its end that it will not be."""
        if not self._template.hear():
            self._fail("it ended")

    def _stock(self) -> None:
        """Have the template fork a spare; where it cannot, requests do without."""
        with contextlib.ExitStack() as unless_born:
            try:
                ours, theirs = socket.socketpair()
                unless_born.enter_context(ours)
                with theirs:
                    handoff = theirs.fileno()
                    born = _born(
                        lambda birth, status: self._template.fork(birth.fileno(), status, handoff)
                    )
            except OSError as error:
                self._fail(str(error))
                return
            unless_born.pop_all()
        self._spare = _sibling("spare").Spare(**vars(born), handoff=ours)

    def _fail(self, why: str) -> None:
        """Do without a template until one is wanted again, which is not tried for ever."""
        sys.stderr.write(f"the template of this zygote cannot fork: {why}\n")
        self._failures += 1
        self._wanted = False
        self._drop_template()
        self._end_unknown()

    def _end_unknown(self) -> None:
        """End what a template has forked that answered too late: nobody else waits for it."""
        known = {init for init, _ in self._children.values()} | {*self._leaving}
        for pid in set(_sibling("birth").children_of(os.getpid())) - known:
            # One that is no child of ours may not be touched: ``/proc`` may be of other pids.
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)

    def _end(self, tag: str | None) -> None:
        """End the tasks with a tag, and wait for that; without one, end altogether."""
        if tag is None:
            self._ended = True
            return
        tagged = [client for client, given in self._tags.items() if given == tag]
        for client in tagged:
            os.kill(self._children[client][0], signal.SIGTERM)
        for client in tagged:
            self._collect(client)

    def _drop(self, client: socket.socket) -> None:
        """End the task of a client that went away, or wants no more of it."""
        self._selector.unregister(client)
        os.kill(self._children[client][0], signal.SIGTERM)

    def _collect(self, client: socket.socket) -> None:
        """Tell the client how its task ended; nothing of it is left then."""
        init, reading = self._children.pop(client)
        del self._tags[client]
        with contextlib.suppress(KeyError):
            self._selector.unregister(client)
        self._selector.unregister(reading)
        said = os.read(reading, 64).decode()
        os.close(reading)
        if said.endswith(_sibling("birth").ALONE):
            self._leaving.append(init)  # nothing is left to wait for but empty namespaces
        else:
            os.waitpid(init, 0)
        status = int(said.split()[0]) if said else int(signal.SIGKILL)
        with contextlib.suppress(OSError):
            client.sendall(json.dumps({"status": status}).encode() + b"\n")
        client.close()
        self._used_at = time.monotonic()

    def _reap(self) -> None:
        """Collect the inits of tasks that have ended."""
        self._leaving = [pid for pid in self._leaving if os.waitpid(pid, os.WNOHANG)[0] == 0]


def _born(fork: Callable[[socket.socket, int], tuple[int, int]]) -> Any:
    """Return the task that ``fork`` makes of a connection for its birth and a pipe for its status.

    Args:
        fork: returns the pid of the init, a child of this process, and the inherited memory.

    Raises:
        OSError: it cannot be forked, or ended before it began.
    """
    reading, writing = os.pipe()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    with ours:
        try:
            with theirs:
                init, inherited = fork(theirs, writing)
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        ours.settimeout(10)
        try:
            said, ancillary, _, _ = ours.recvmsg(512, socket.CMSG_SPACE(_CREDENTIALS.size))
        except TimeoutError:
            ancillary = []
            os.kill(init, signal.SIGKILL)
    if not ancillary:
        os.close(reading)
        os.waitpid(init, 0)
        raise OSError("the fork ended before it began")
    pid = _CREDENTIALS.unpack(ancillary[0][2])[0]
    obstacle = said.strip(b"\0").decode(errors="replace")
    return _sibling("spare").Born(init, reading, pid, obstacle, inherited)


def _try_out() -> None:
    """Be a kernel for one cell."""
    _sibling("birth").die_with_parent()
    _sibling("task").rehearse()


def _request(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return a request and its files; of one that is none, the files are closed."""
    data, fds, _, _ = socket.recv_fds(client, 1 << 16, 8)
    with contextlib.ExitStack() as unless_taken:
        for fd in fds:
            unless_taken.callback(os.close, fd)
        while not data.endswith(b"\n"):
            more = client.recv(1 << 16)
            if not more or len(data) > MAX_REQUEST:
                raise ValueError("not a request")
            data += more
        request = json.loads(data)
        match request:
            case {"kind": str()}:
                pass
            case _:
                raise ValueError("not a request")
        if request["kind"] != "end" and len(fds) != FILES:
            raise ValueError(f"a request comes with {FILES} files, not with {len(fds)}")
        unless_taken.pop_all()
    return request, list(fds)


def _may_ask(client: socket.socket) -> bool:
    """Whether the process at the other end is of this uid and descends from no zygote."""
    pid, uid = _peer(client)
    if uid != os.getuid():
        return False
    while pid > 1:
        try:
            if str(Path(__file__).resolve()).encode() in _words(pid):
                return False
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        pid = int(stat.rpartition(")")[2].split()[1])
    return True


def _peer(client: socket.socket) -> tuple[int, int]:
    """Return pid and uid of the process at the other end."""
    told = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(told)
    return pid, uid


def _words(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def _is_same(path: str, inode: int) -> bool:
    try:
        return os.stat(path).st_ino == inode  # noqa: PTH116
    except OSError:
        return False


def main() -> None:
    """Warm up and serve."""
    config = json.loads(sys.stdin.readline())
    _adopt_siblings()
    _sibling("birth").hide()
    zygote = Zygote(sys.argv[1], config["preload"], config["without"], config["idle_s"])
    zygote.warm()
    zygote.serve()


if __name__ == "__main__":
    main()
