"""A forked kernel as nbclient sees one: a kernel manager and a client, on one socket pair.

What nbclient asks of :mod:`jupyter_client` and no more. Messages are waited for, never polled, and
to send one never waits: the kernel takes none while its cell runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections import deque
from collections.abc import Callable
from queue import Empty
from typing import Any

from jupyter_client.jsonutil import extract_dates
from jupyter_client.session import Session
from nbclient.exceptions import DeadKernelError

from galley.inside.wire import Frames, TooLarge, frame
from galley.run.unsent import Unsent
from galley.run.zygotes import ForkedKernel

INTERRUPT_S = 5.0
"""How long a cell that was interrupted may take to end, as Jupyter's kernel manager has it, and the
kernel to take the last messages."""
IDLE_POLL_S = 0.02


class BrokenKernel(DeadKernelError):
    """What comes from the kernel cannot be taken; the message says what its notebook did."""


Fork = Callable[[int], ForkedKernel]
"""File descriptor of the kernel's end of the pair → the kernel."""


class _Channel:
    """Messages of one of Jupyter's channels."""

    def __init__(self, client: PipedClient) -> None:
        self._client = client
        self.arrived: deque[dict[str, Any]] = deque()
        self.waiting: asyncio.Future[None] | None = None

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """Return the next message.

        Raises:
            Empty: there is none for ``timeout`` seconds.
            DeadKernelError: the kernel is gone, and all it said before has been taken.
        """
        loop = asyncio.get_running_loop()
        while not self.arrived:
            if self._client.gone:
                await self._client.end(self)
            self.waiting = loop.create_future()
            self._client.listen(loop)
            try:
                await asyncio.wait_for(self.waiting, timeout)
            except TimeoutError:
                raise Empty from None
            finally:
                self.waiting = None
                self._client.unlisten(loop)
        return self.arrived.popleft()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to the kernel."""
        self._client.send(message)

    def wake(self) -> None:
        """Let whoever waits look again."""
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)


class PipedClient:
    """The client's end."""

    def __init__(self, pipe: socket.socket) -> None:
        self.session = Session()
        self.allow_stdin = False
        self.shell_channel = _Channel(self)
        self.iopub_channel = _Channel(self)
        self._pipe = pipe
        self._frames = Frames()
        self._unsent = Unsent(pipe, self._packed)
        self._writing: asyncio.AbstractEventLoop | None = None
        self._listeners = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executing: str | None = None
        self._broken: BrokenKernel | None = None
        self.gone = False

    def execute(self, code: str, *, store_history: bool = True, stop_on_error: bool = True) -> str:
        """Ask for a cell to be executed; returns the request's id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": store_history,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": stop_on_error,
        }
        self._executing = self._request("execute_request", content)
        return self._executing

    def kernel_info(self) -> str:
        """Ask for the kernel's language; returns the request's id."""
        return self._request("kernel_info_request", {})

    def shutdown(self) -> None:
        """Ask the kernel to end."""
        with contextlib.suppress(DeadKernelError):
            self._request("shutdown_request", {})

    def is_alive(self) -> bool:
        """Whether the kernel has not closed its end."""
        return not self.gone

    def start_channels(self) -> None:
        """There is nothing to start."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """A fork is ready."""

    async def idle(self, timeout: float) -> None:
        """Wait until no cell is being executed, ``timeout`` seconds at most."""
        await self._until(lambda: not self.executing, timeout)

    async def sent(self, timeout: float) -> None:
        """Wait until the kernel has taken all messages, ``timeout`` seconds at most."""
        await self._until(lambda: self._writing is None, timeout)

    async def _until(self, reached: Callable[[], bool], timeout: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        self.listen(loop)
        try:
            while not reached() and not self.gone and loop.time() < until:
                await asyncio.sleep(IDLE_POLL_S)
        finally:
            self.unlisten(loop)

    @property
    def executing(self) -> bool:
        """Whether the reply to a cell is outstanding."""
        return self._executing is not None

    def stop_channels(self) -> None:
        """Close the pair; who still waits for a message waits for ever."""
        if self._loop is not None:
            # Or the loop, which others use, takes the next pair of this number for this one.
            self._loop.remove_reader(self._pipe)
        self._stop_writing()
        self.gone = True
        self._pipe.close()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message, once the kernel takes it.

        Raises:
            DeadKernelError: it has closed its end, as one does that ends between two cells.
        """
        self._unsent.add(message)
        try:
            all_sent = self._writing is not None or self._flush()
        except OSError as error:
            raise self._dead() from error
        if not all_sent:
            self._writing = asyncio.get_running_loop()
            self._writing.add_writer(self._pipe, self._write)

    def _write(self) -> None:
        try:
            if not self._flush():
                return
        except OSError:
            pass  # whoever waits for an answer learns by reading that the kernel is gone
        self._stop_writing()

    def _flush(self) -> bool:
        try:
            return self._unsent.flush()
        except TooLarge as error:
            self._break_off(str(error))
            return True

    def _stop_writing(self) -> None:
        if self._writing is not None:
            self._writing.remove_writer(self._pipe)
            self._writing = None

    def _packed(self, message: dict[str, Any]) -> bytes:
        sent = {key: value for key, value in message.items() if key != "buffers"}
        return frame(self.session.pack(sent), message.get("buffers") or ())

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read while somebody waits."""
        if self._listeners == 0 and not self.gone:
            loop.add_reader(self._pipe, self._read)
            self._loop = loop
        self._listeners += 1

    def unlisten(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop reading when nobody waits any more."""
        self._listeners -= 1
        if self._listeners == 0 and not self.gone:
            loop.remove_reader(self._pipe)
            self._loop = None

    def _request(self, kind: str, content: dict[str, Any]) -> str:
        message = self.session.msg(kind, content)
        self.send(message)
        return str(message["header"]["msg_id"])

    def _read(self) -> None:
        try:
            data = self._pipe.recv(1 << 20, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._stop_reading()
        try:
            for text, buffers in self._frames.feed(data):
                self._arrive(self.session.unpack(text), buffers)
        except TooLarge as error:
            self._break_off(str(error))
        except (ValueError, LookupError, TypeError):
            self._break_off("the notebook wrote to the connection of its kernel")

    def _break_off(self, why: str) -> None:
        self._broken = BrokenKernel(why)
        self._stop_reading()

    def _stop_reading(self) -> None:
        self.gone = True
        asyncio.get_running_loop().remove_reader(self._pipe)
        self._loop = None
        self.shell_channel.wake()

    def _arrive(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        message["header"] = extract_dates(message["header"])
        message["buffers"] = buffers
        channel = self.shell_channel if message["channel"] == "shell" else self.iopub_channel
        if channel is self.shell_channel and message["parent_header"]["msg_id"] == self._executing:
            self._executing = None
        channel.arrived.append(message)
        channel.wake()

    async def end(self, channel: _Channel) -> None:
        """Say that the kernel is gone, where a reply is waited for, and after its last output.

        Raises:
            DeadKernelError: that is so; a :class:`BrokenKernel` says what it sent instead.
        """
        if channel is not self.shell_channel:
            await asyncio.Future()  # whoever waits for the reply ends this
        while left := len(self.iopub_channel.arrived):
            await asyncio.sleep(0)  # whoever takes outputs takes one each time
            if left == len(self.iopub_channel.arrived):
                break
        raise self._dead()

    def _dead(self) -> DeadKernelError:
        return self._broken or DeadKernelError("Kernel died")


class PipedManager:
    """Forks the kernel and ends it.

    Attributes:
        process: the kernel, once it was started.
    """

    ipykernel = False  # no arguments for a command line

    def __init__(self, fork: Fork) -> None:
        self._fork = fork
        self.process: ForkedKernel | None = None
        self._pipe: socket.socket | None = None

    @property
    def has_kernel(self) -> bool:
        """Whether it was started."""
        return self.process is not None

    @property
    def provisioner(self) -> PipedManager:
        """Itself: where others look for ``process``."""
        return self

    def start_kernel(self, **_: Any) -> None:
        """Fork the kernel.

        Raises:
            NoZygote: there is nothing to fork from.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self.process = self._fork(theirs.fileno())
            except BaseException:
                ours.close()
                raise
        self._pipe = ours

    def client(self) -> PipedClient:
        """Return the client."""
        assert self._pipe is not None
        self._client = PipedClient(self._pipe)
        return self._client

    def is_alive(self) -> bool:
        """Whether the kernel lives."""
        return self.process is not None and self.process.poll() is None

    def interrupt_kernel(self) -> None:
        """Interrupt the running cell."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)

    async def shutdown_kernel(self, *, now: bool = False, restart: bool = False) -> None:  # noqa: ARG002
        """Ask the kernel to end; whoever took its process waits for the end or brings it about.

        A cell that is still being executed is interrupted first, as Jupyter's manager does. Who
        has closed the connection hears nothing more.
        """
        if now or self._client.gone:
            return
        if self._client.executing:
            self.interrupt_kernel()
            await self._client.idle(INTERRUPT_S)
        self._client.shutdown()
        await self._client.sent(INTERRUPT_S)

    def cleanup_resources(self, *, restart: bool = False) -> None:
        """There are no files."""
