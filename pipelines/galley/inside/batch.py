"""An IPython kernel without sockets: the batch side of a fork.

ipykernel's own application, kernel, shell and streams, so that cells mean what they mean anywhere;
only the transport differs. Requests come in and messages go out as frames on one socket pair
(:mod:`galley.inside.wire`), so there is nothing to connect to, to poll or to wait for.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
import fcntl
import json
import logging
import os
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

from ipykernel.iostream import IOPubThread
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.jsonutil import extract_dates, json_clean
from jupyter_client.session import Session, new_id, new_id_bytes
from tornado.ioloop import IOLoop
from traitlets.config import Config

from .capture import Capture
from .wire import Frames, frame

PIECE = 16 * 2**20
"""Characters of printed text that are sent in one message."""
CONFIGURED = {"HistoryManager": {"hist_file": ":memory:"}}
"""What nbclient gives the kernels it starts, as an argument."""


personal = True
"""Whether kernels are configured by files in the home folder of whoever runs them. That of a
tenant's runs is for all of them: what one leaves there is not to change the next one."""


class Channel:
    """Where a message goes to, as the client's channels are called."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Publisher(IOPubThread):
    """Stands where ipykernel expects the thread that publishes: what is scheduled happens now."""

    name = "iopub"

    def __init__(self, capture: Capture) -> None:
        self.thread: Any = None
        self.io_loop: Any = capture  # for the streams' ``call_later``

    def schedule(self, call: Any) -> None:
        """Call at once."""
        call()

    def start(self) -> None:
        """There is no thread."""

    stop = close = start


class PipeSession(Session):
    """Sends messages as frames, whole ones from any thread and from forked children too."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pipe: socket.socket | None = None
        self._threads = threading.RLock()
        os.register_at_fork(after_in_child=self._forked)

    def begin(self) -> None:
        """Be the session of this process and of what it forks, and of no sibling."""
        self.session, self.key = new_id(), new_id_bytes()
        # A forked child writes to the same socket: one frame at a time among processes as well.
        self._processes = os.memfd_create("galley-pipe")

    def _forked(self) -> None:
        self._threads = threading.RLock()

    def _packed(self, message: dict[str, Any]) -> bytes:
        try:
            return bytes(self.pack(message))
        except UnicodeEncodeError:  # half a surrogate pair, for which Jupyter loses all of it
            return json.dumps(json_clean(message), ensure_ascii=False).encode(errors="replace")

    def send(
        self,
        stream: Any,
        msg_or_type: Any,
        content: Any = None,
        parent: Any = None,
        ident: Any = None,  # noqa: ARG002
        buffers: Sequence[Any] | None = None,
        track: bool = False,  # noqa: ARG002
        header: Any = None,
        metadata: Any = None,
    ) -> Any:
        """Send a message to the channel that ``stream`` stands for and return it.

        Raises:
            TooLarge: nobody would take it. Printed text is sent in pieces.
        """
        if isinstance(msg_or_type, dict):
            message, buffers = msg_or_type, buffers or msg_or_type.get("buffers")
        else:
            message = self.msg(msg_or_type, content, parent, header, metadata)
        channel = getattr(stream, "name", "iopub")
        for one in _in_pieces(message):
            sent = {key: value for key, value in one.items() if key != "buffers"}
            self._write(frame(self._packed({**sent, "channel": channel}), buffers or ()))
        return message

    def _write(self, data: bytes) -> None:
        with self._threads:
            fcntl.lockf(self._processes, fcntl.LOCK_EX)
            try:
                if self.pipe is not None:
                    self.pipe.sendall(data)
            except ConnectionError:
                self.pipe = None  # The client has gone; the notebook still ends in its own way.
            finally:
                fcntl.lockf(self._processes, fcntl.LOCK_UN)


def _in_pieces(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a message, or several for a lot of printed text: nobody has to hold all of it."""
    content = message["content"]
    text = content["text"] if message["msg_type"] == "stream" else ""
    if len(text) <= PIECE:
        yield message
        return
    for at in range(0, len(text), PIECE):
        yield {**message, "content": {**content, "text": text[at : at + PIECE]}}


class _MainThread:
    """Stands where ipykernel looks for the thread that hands on requests: there is only one."""

    parent_thread = threading.main_thread()


class BatchKernel(IPythonKernel):
    """ipykernel's kernel, which takes one request at a time from one client."""

    _supports_kernel_subshells = False

    def _abort_queues(self, subshell_id: str | None = None) -> None:
        """Do nothing: a request is sent when the one before was answered."""


class BatchApp(IPKernelApp):
    """ipykernel's application, connected to one client by a socket pair.

    It can be made before there is a client, and even ahead of the process whose kernel it will be:
    :meth:`begin`, :meth:`settle` and :meth:`serve` follow.

    Args:
        ahead: whether it has no files and no thread until it is told to begin, so that several
            processes can be forked with it.
    """

    def __init__(self, *, ahead: bool = False, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._ahead = ahead
        self._capture = Capture()

    def parse_command_line(self, argv: object = None) -> None:  # noqa: ARG002
        """Take the configuration without a parser: making that one takes a quarter of all this."""
        self.argv, self.cli_config = [], Config(CONFIGURED)
        self.update_config(self.cli_config)

    @property
    def _has_own_profile(self) -> bool:
        """Whether the profile of IPython is that of this kernel's owner, or of who watches it."""
        return personal or "IPYTHONDIR" in os.environ

    def load_config_file(self, *given: Any, **named: Any) -> None:
        """Read the configuration of IPython: the environment's, the machine's, and its owner's."""
        if not self._has_own_profile:
            profile: Any = self.profile_dir
            self.config_file_paths.remove(profile.location)
        super().load_config_file(*given, **named)  # type: ignore[no-untyped-call]

    def _run_startup_files(self) -> None:
        if self._has_own_profile:
            super()._run_startup_files()  # type: ignore[no-untyped-call]

    def init_connection_file(self) -> None:
        """There is none."""

    init_heartbeat = log_connection_info = init_poller = init_connection_file

    def write_connection_file(self, **_: Any) -> None:
        """There is none."""

    def init_sockets(self) -> None:
        """Make the session."""
        self.session = PipeSession(parent=self)
        self.configure_tornado_logger()  # type: ignore[no-untyped-call]
        self.iopub_socket = self.iopub_thread = _Publisher(self._capture)

    def init_io(self) -> None:
        """Begin, unless this is made ahead."""
        if not self._ahead:
            self.begin()

    def begin(self) -> None:
        """Replace the standard streams of this process, on the level of files too."""
        self.session.begin()
        self.capture_fd_output = False  # ours, so that what is captured can be drained
        super().init_io()  # type: ignore[no-untyped-call]
        self._capture.start({1: sys.stdout, 2: sys.stderr})
        for handler in self.log.handlers:
            if isinstance(handler, logging.StreamHandler):
                # Not what is captured: what was there before.
                said = sys.stderr.fileno()
                handler.stream = os.fdopen(said, "w", buffering=1, closefd=False)
        self.displayhook.get_execution_count = lambda: self.kernel.execution_count

    def init_kernel(self) -> None:
        """Make the kernel."""
        self.kernel = BatchKernel.instance(
            parent=self,
            session=self.session,
            iopub_thread=self.iopub_thread,
            iopub_socket=self.iopub_socket,
            log=self.log,
            profile_dir=self.profile_dir,
            user_ns=self.user_ns,
            shell_channel_thread=_MainThread(),
            # It waits for messages that are still under way; here there are none.
            _execute_sleep=0,
        )

    def settle(self, output: int, errors: int) -> None:
        """Take output and errors that are not a cell's, and the current folder, for its own."""
        os.dup2(output, sys.stdout.fileno())
        os.dup2(errors, sys.stderr.fileno())
        self.kernel.shell.user_ns["_dh"][:] = [Path.cwd()]

    def serve(self, pipe: socket.socket) -> None:
        """Answer requests, one after another, until told to shut down or left alone."""
        self.session.pipe = pipe
        self.kernel._publish_status("starting", "shell")
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            self.kernel.io_loop = IOLoop.current()
            requests = Requests(loop, pipe, self._answer)
            requests.listen()
            loop.run_forever()
            if requests.failed is not None:
                raise requests.failed

    async def _answer(self, request: dict[str, Any]) -> None:
        """Handle one request as ``Kernel.dispatch_shell`` does."""
        kernel, shell = self.kernel, Channel("shell")
        kernel.set_parent([], request, channel="shell")
        kernel._publish_status("busy", "shell")
        handler = kernel.shell_handlers.get(request["header"]["msg_type"])
        if handler is not None:
            kernel.pre_handler_hook()
            try:
                result = handler(shell, [], request)
                if asyncio.iscoroutine(result):
                    await result
            except KeyboardInterrupt:
                self.log.error("interrupted between two cells")  # noqa: TRY400
            finally:
                kernel.post_handler_hook()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                with contextlib.suppress(ValueError):
                    stream.flush()
        kernel._publish_status("idle", "shell")


class Requests:
    """Has requests answered, each in an asyncio task of its own and all in one context.

    So a notebook may cancel the task that it runs in, or all there are, and run the loop itself;
    and a cell finds the context variables that another one has set, as NumPy's print options are.

    Args:
        answer: handles one request; the next one is read when that is done.

    Attributes:
        failed: what came of the one that could not be answered; who asked would wait for ever.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pipe: socket.socket,
        answer: Callable[[dict[str, Any]], Coroutine[Any, Any, None]],
    ) -> None:
        self._loop, self._pipe, self._answer = loop, pipe, answer
        self._context = contextvars.copy_context()
        self.failed: BaseException | None = None
        self._frames = Frames()
        self._waiting: deque[dict[str, Any]] = deque()

    def listen(self) -> None:
        """Wait for what comes; the socket stays a blocking one for writers."""
        self._loop.add_reader(self._pipe, self._arrived)

    def _arrived(self) -> None:
        self._loop.remove_reader(self._pipe)
        try:
            data = self._pipe.recv(1 << 20)
        except ConnectionError:  # the client has gone, and left something unread
            data = b""
        if not data:
            self._loop.stop()
            return
        for text, buffers in self._frames.feed(data):
            request = json.loads(text)
            request["header"] = extract_dates(request["header"])
            request["buffers"] = buffers
            self._waiting.append(request)
        self._next()

    def _next(self) -> None:
        if not self._waiting:
            self.listen()
        elif (request := self._waiting.popleft())["header"]["msg_type"] == "shutdown_request":
            self._loop.stop()
        else:
            answering = self._loop.create_task(self._answer(request), context=self._context)
            answering.add_done_callback(self._answered)

    def _answered(self, answering: asyncio.Task[None]) -> None:
        self.failed = None if answering.cancelled() else answering.exception()
        if self.failed is None:
            self._next()
        else:
            self._loop.stop()


def made(*, ahead: bool = False) -> Any:
    """Return the application of this process, ready to serve; ``ahead``: once it has begun."""
    app: Any = BatchApp.instance(ahead=ahead)
    app.initialize([])
    return app


def serve(app: Any, pipe: socket.socket) -> None:
    """Be a kernel for the client at the other end of ``pipe``; returns when it is to end."""
    try:
        app.serve(pipe)
    except BaseException:
        app.log.exception("this kernel cannot go on")  # nobody else would tell why it ended
        raise
    threading._shutdown()  # type: ignore[attr-defined]  # as an interpreter that ends
    atexit._run_exitfuncs()
