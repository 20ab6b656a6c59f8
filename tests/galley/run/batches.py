"""Forked kernels without papermill: what the tests of zygotes and of their walls ask for."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from galley.inside.wire import Frames, frame
from galley.run.walls import Walls
from galley.run.wanted import Wanted, always
from galley.run.zygotes import ForkedKernel, Zygotes


class Batch:
    """A forked batch kernel, spoken to in frames."""

    def __init__(
        self,
        zygotes: Zygotes,
        folder: Path,
        *,
        isolate: bool = True,
        preload: Sequence[str] = ("pandas",),
        walls: Walls | None = None,
        gone: bool = False,
        python: Path | None = None,
        wanted: Wanted = always,
        assigned: Sequence[str] = (),
        **more: str,
    ) -> None:
        self.pipe, theirs = socket.socketpair()
        self.output = (folder / "kernel.out").open("w+b")
        if gone:
            (folder / "kernel.out").unlink()
            folder.rmdir()
        environment = {name: os.environ[name] for name in ("PATH", "HOME")}
        with theirs:
            self.process = zygotes.fork(
                python=python,
                env={**environment, "OF_THE_TASK": "yes", **more},
                cwd=folder,
                kind="batch",
                files=(theirs.fileno(), self.output.fileno(), self.output.fileno()),
                preload=preload,
                assigned=assigned,
                isolate=isolate,
                walls=walls,
                wanted=wanted,
            )
        self.frames = Frames()

    def run(self, code: str) -> str:
        """Execute a cell; return what it printed, or the name of its error."""
        self.ask(code)
        printed = ""
        while True:
            data = self.pipe.recv(1 << 16)
            assert data, "the kernel ended"
            for text, _ in self.frames.feed(data):
                message = json.loads(text)
                kind, content = message["header"]["msg_type"], message["content"]
                if kind == "stream":
                    printed += content["text"]
                elif kind == "error":
                    printed += content["ename"]
                elif kind == "status" and content["execution_state"] == "idle":
                    return printed.strip()

    def ask(self, code: str) -> None:
        header = {"msg_id": "1", "msg_type": "execute_request", "session": "s", "username": "u"}
        content = {"code": code, "silent": False, "store_history": True}
        request = {"header": header, "content": content, "metadata": {}, "parent_header": {}}
        self.pipe.sendall(frame(json.dumps(request).encode()))

    def close(self) -> None:
        self.process.kill()
        self.pipe.close()
        self.output.close()


def zygote_of(process: ForkedKernel) -> psutil.Process:
    """Return the zygote: the last ancestor that runs its program, before it the init."""
    ancestors = psutil.Process(process.pid).parents()
    return [
        one for one in ancestors if any(word.endswith("inside/zygote.py") for word in one.cmdline())
    ][-1]


def template_of(process: ForkedKernel) -> psutil.Process:
    """Return what its zygote forks tasks from, soon after the first: its child without walls."""
    zygote = zygote_of(process)
    found: list[psutil.Process] = []

    def there() -> bool:
        found[:] = [
            one for one in zygote.children() if pid_namespace_of(one) == pid_namespace_of(zygote)
        ]
        return bool(found)

    until(there)
    (template,) = found
    return template


def pid_namespace_of(process: psutil.Process) -> str | None:
    """Return the pid namespace of a process; None: it has gone."""
    with contextlib.suppress(FileNotFoundError):
        return str(Path(f"/proc/{process.pid}/ns/pid").readlink())
    return None


def prepare_spare(zygotes: Zygotes, folder: Path) -> None:
    """Have a template that forks; the next task is a spare."""
    first = Batch(zygotes, folder)
    template_of(first.process)
    first.close()


def gone(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
