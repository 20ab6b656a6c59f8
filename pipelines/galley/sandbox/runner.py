"""The runner: parent of one sandbox. It opens the doors, watches, and ends the whole tree.

Only the standard library, since one runner lives beside each sandbox. The command inside waits
until its doors are open. SIGTERM is passed on to it; what is left after ``GRACE_S`` is killed,
as is everything when the runner itself dies. The command's exit status becomes the runner's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from galley.sandbox import cgroup, memory, namespaces
from galley.sandbox.doors import Door, connect_outside, connected
from galley.sandbox.internet import LINK_LOCAL, Internet, local_addresses, make_unreachable

GRACE_S = 10.0
WATCH_S = 0.5


def main(path: Path) -> int:
    """Run the plan at ``path`` and return the exit status of its command."""
    plan = json.loads(path.read_text())
    path.unlink()
    os.umask(0o002)  # Members of a tenant share its folders through the tenant's group.
    namespaces.adopt_orphans()
    runner = IsolatedRunner(plan) if plan["isolated"] else Runner(plan)
    try:
        return runner.run()
    except OSError as error:
        runner.say(f"cannot start: {error}")
        return 1


class Runner:
    """A plain child process with doors."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.group: cgroup.ControlGroup | None = None
        self.doors: list[Door] = []
        self.process: subprocess.Popen[bytes]

    def say(self, text: str) -> None:
        """Tell the operator; standard error is the log of the sandbox."""
        print(f"galley sandbox {self.plan['name']}: {text}", file=sys.stderr, flush=True)  # noqa: T201

    def run(self) -> int:
        """Run to the end."""
        self.open_inbound()
        cgroup.sweep()
        self.group = cgroup.create(
            self.plan["name"], memory=self.plan["memory"], cpu=self.plan["cpu"]
        )
        try:
            self.start()
            status = asyncio.run(self.serve())
        finally:
            self.end()
        return status if status >= 0 else 128 - status

    def end(self) -> None:
        """Leave nothing behind: orphans become children of this process, which waits for all."""
        memory.kill_all(namespaces.descendants(os.getpid()))
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()
                memory.kill_all(namespaces.children(os.getpid()))
        if self.group is not None:
            self.group.close()

    # What differs between a plain and an isolated sandbox.

    def open_inbound(self) -> None:
        """Listen for the ways in; a door to the same port needs none, the network is shared."""
        for outside, inside in self.plan["inbound"]:
            if outside != inside:
                target = f"127.0.0.1:{inside}"
                listener = namespaces.listen(outside)
                self.doors.append(Door(listener, lambda t=target: connect_outside(t)))  # type: ignore[misc]

    def open_outbound(self) -> None:
        """Listen for the ways out."""
        for inside, target in self.plan["outbound"]:
            if target != f"127.0.0.1:{inside}":
                listener = namespaces.listen(inside)
                self.doors.append(Door(listener, lambda t=target: connect_outside(t)))  # type: ignore[misc]

    def start(self) -> None:
        """Start the command."""
        self.open_outbound()
        self.process = subprocess.Popen(
            self.plan["argv"],
            env=self.plan["env"],
            cwd=self.plan["cwd"],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=self._enter,
        )

    def _enter(self) -> None:
        """Come under the limits before the command can start a child that would escape them."""
        namespaces.die_with_parent(signal.SIGKILL)
        if self.group is not None:
            self.group.add(os.getpid())

    async def release(self) -> None:
        """Let the command go, once everything is ready."""

    def main_pid(self) -> int | None:
        """Return the process that SIGTERM is meant for."""
        return self.process.pid

    def watched(self) -> int:
        """Return the process below which memory counts."""
        return os.getpid()

    # The same for both.

    async def serve(self) -> int:
        """Relay and watch until the command ends; return its status."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.terminate)
        loop.add_reader(os.pidfd_open(self.process.pid), ended.set)
        await self.release()
        for door in self.doors:
            door.open()
        watch = asyncio.ensure_future(self.watch())
        await ended.wait()
        watch.cancel()
        self.report_kills()
        for door in self.doors:
            door.close()
        return self.process.wait()

    def terminate(self) -> None:
        """Ask the command to end; the second time, and after the grace, make it end."""
        main_pid = self.main_pid()
        if main_pid is None or getattr(self, "_asked", False):
            self.process.kill()
            return
        self._asked = True
        memory.kill_all([main_pid], signal.SIGTERM)
        asyncio.get_running_loop().call_later(GRACE_S, self.process.kill)

    async def watch(self) -> None:
        """Keep the memory limit, and say so when it was met."""
        while self.plan["memory"] is not None:
            await asyncio.sleep(WATCH_S)
            if self.group is not None:
                self.report_kills()
            elif said := memory.kill_largest_if_over(self.plan["memory"], self.watched()):
                self.say(said)

    def report_kills(self) -> None:
        """Say how many processes the kernel killed for memory, if any."""
        if self.group is not None and (kills := self.group.new_kills()):
            limit = self.plan["memory"] / 2**20
            self.say(f"memory limit: {kills} process(es) killed at {limit:.0f} MiB")


class IsolatedRunner(Runner):
    """A command in namespaces of its own, made by bubblewrap."""

    def open_inbound(self) -> None:
        """Listen outside; connections are made by sockets of the inner network."""
        for outside, inside in self.plan["inbound"]:
            listener = namespaces.listen(outside)
            self.doors.append(Door(listener, lambda p=inside: self.connect_inside(p)))  # type: ignore[misc]

    def start(self) -> None:
        """Start bubblewrap; the command inside waits for :meth:`release`."""
        info, tell_info = os.pipe()
        block, self._unblock = os.pipe()
        options = _sealed(self.plan["options"])
        fds = ["--args", str(options), "--info-fd", str(tell_info), "--block-fd", str(block)]
        self.process = subprocess.Popen(
            [self.plan["bwrap"], *fds, "--", *self.plan["argv"]],
            env=self.plan["env"],
            cwd="/",
            stdin=subprocess.DEVNULL,
            pass_fds=(options, tell_info, block),
            start_new_session=True,
            preexec_fn=self._limit if self.plan["uid"] is not None else None,
        )
        for fd in (options, tell_info, block):
            os.close(fd)
        with os.fdopen(info) as file:
            said = file.read()
        if not said:
            raise ChildProcessError(f"bubblewrap ended with {self.process.wait()}")
        self.init_pid: int = json.loads(said)["child-pid"]
        if self.group is not None:
            self.group.add(self.process.pid)
            self.group.add(self.init_pid)
        namespaces.wait_for_loopback(self.init_pid)
        self.network = namespaces.Network(self.init_pid)
        wanted = self.plan["internet"]
        self.internet = Internet(wanted, self.network) if wanted else None
        self.network.become_owner()

    @staticmethod
    def _limit() -> None:
        """Bound a fork bomb: these limits count for the sandbox's own uid only."""
        resource.setrlimit(resource.RLIMIT_NPROC, (cgroup.MAX_PROCESSES, cgroup.MAX_PROCESSES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    async def release(self) -> None:
        """Open the ways out from inside the sandbox's network, then let the command go."""
        self.inside: ThreadPoolExecutor = self.network.thread()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.inside, self.open_outbound)
        if self.internet is not None:
            addresses = local_addresses()
            problem = await loop.run_in_executor(self.inside, self._connect_internet, addresses)
            if problem:
                self.say(f"no internet: {problem}")
        os.write(self._unblock, b"\0")
        os.close(self._unblock)

    def open_outbound(self) -> None:
        """Listen inside; runs in the thread that has joined the sandbox's network."""
        for inside, target in self.plan["outbound"]:
            listener = namespaces.listen(inside)
            self.doors.append(Door(listener, lambda t=target: connect_outside(t)))  # type: ignore[misc]

    def _connect_internet(self, own_addresses: set[str]) -> str | None:
        assert self.internet is not None
        if problem := self.internet.wait_ready():
            return problem
        for address in sorted(own_addresses):
            make_unreachable(address)
        make_unreachable(*LINK_LOCAL)
        return None

    async def connect_inside(self, port: int) -> Any:
        """Connect to a port inside, with a socket of the sandbox's network."""
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(self.inside, namespaces.make_socket)
        return await connected(made, ("127.0.0.1", port))

    def main_pid(self) -> int | None:
        """Return the command's process: the child of the sandbox's init."""
        inside = namespaces.children(self.init_pid)
        return inside[0] if inside else None

    def watched(self) -> int:
        """Return the process below which memory counts."""
        return self.process.pid


def _sealed(options: list[str]) -> int:
    """Return a file that holds bubblewrap's options, which would be seen inside as arguments."""
    fd = os.memfd_create("options")
    os.write(fd, b"".join(option.encode() + b"\0" for option in options))
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
