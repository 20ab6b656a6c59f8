"""papermill's own engine, told to report progress and to hand its kernel to a guard.

Everything that decides what an executed notebook looks like is papermill's and nbclient's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol

from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpec, KernelSpecManager
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.iorw import papermill_io
from papermill.log import logger

from galley.run.outputs import Outputs
from galley.run.piped import Fork, PipedManager
from galley.run.processes import enter_task
from galley.run.redaction import Redactor
from galley.run.sockets import KernelManager
from galley.run.walls import Walls
from galley.run.zygotes import ForkedKernel

NAME = "galley-task"
_SCHEME = "rendered:"
SAVE_S = 0.5
"""How far the notebook on disk may lag behind: papermill writes it twice for every cell."""
START_S = 300
"""How long a kernel may take to answer: one of another language may compile what it needs first.
papermill waits for one minute. The time limit of the run counts as well."""
OUTPUT_S = 600
"""How long the rest of an output may take to arrive after its cell has ended, as a lot of it does
on a busy machine; nbclient's four seconds would fail the cell."""


class Observer(Protocol):
    """Who follows an execution."""

    environment: dict[str, str]
    files: tuple[int, ...]
    cwd: Path
    python: Path | None
    kernel_output: IO[bytes]
    fork: Fork | None
    walls: Walls | None
    needed: tuple[Path, ...]
    outputs: Outputs
    redactor: Redactor

    def kernel_started(
        self,
        process: subprocess.Popen[bytes] | ForkedKernel,
        obstacle: str = "",
        unwalled: str = "",
    ) -> None:
        """Take the kernel, which leads a process group of its own."""

    def cell_started(self, cell: NotebookNode, cell_index: int) -> None:
        """Note that a cell, of whatever type, begins."""

    def cell_executed(
        self, cell: NotebookNode, cell_index: int, execute_reply: dict[str, Any]
    ) -> None:
        """Note that a code cell has ended, well or not."""

    def stream(self, name: str, text: str) -> None:
        """Take text that a cell printed, with the values of secrets that are in it."""


class _Rendered:
    """Notebooks that papermill is to read, which are in no file: to make one can take a while."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    @contextlib.contextmanager
    def keep(self, notebook: str, task: str) -> Iterator[str]:
        """Have a notebook be there, under the path that is given."""
        path = f"{_SCHEME}{task}-{uuid.uuid4().hex}.ipynb"
        self._texts[path] = notebook
        try:
            yield path
        finally:
            del self._texts[path]

    def read(self, path: str) -> str:
        """Return the text of a notebook."""
        return self._texts[path]

    def pretty_path(self, path: str) -> str:
        """Return a path for papermill's log."""
        return path


_RENDERED = _Rendered()
rendered = _RENDERED.keep
papermill_io.register(_SCHEME, _RENDERED)


class _WithPython(KernelSpecManager):
    """Starts Python kernels as ever, but with another interpreter."""

    def __init__(self, python: Path) -> None:
        super().__init__()
        self._python = python

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the spec of a kernel; that of another language is left as it is."""
        spec = super().get_kernel_spec(kernel_name)
        if kernel_name == NATIVE_KERNEL_NAME:
            spec.argv = [str(self._python), *spec.argv[1:]]
        return spec


class _Saver:
    """Writes a notebook that is executed: soon, not at once; where it breaks off at once.

    Papermill has written it before its first cell, and writes it when all is done.
    """

    def __init__(self, manager: NotebookExecutionManager) -> None:
        self._manager = manager
        self._write = manager.save
        self._written_at = time.monotonic()
        self._due = False
        self.all_done = False

    def save(self, **changed: Any) -> None:
        """Take papermill's wish to save."""
        if self.all_done:
            return
        over = self._manager.end_time is not None
        if over or time.monotonic() - self._written_at >= SAVE_S:
            self._write(**changed)
            self._due, self._written_at = False, time.monotonic()
        else:
            self._due = True

    def later(self) -> None:
        """Have what was not written then written while the cell goes on."""
        if self._due:
            asyncio.get_running_loop().call_later(SAVE_S, self._catch_up)

    def _catch_up(self) -> None:
        if self._due:
            self.save()


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's client, with a kernel on IPC sockets in a private folder."""

    def __init__(self, manager: NotebookExecutionManager, observer: Observer, **options: Any):
        super().__init__(manager, **options)
        self._observer = observer
        self._sockets: tempfile.TemporaryDirectory[str] | None = None

    def create_kernel_manager(self) -> Any:
        if self._observer.fork is not None:
            return PipedManager(self._observer.fork)
        manager = super().create_kernel_manager()
        manager.transport = "ipc"
        self._sockets = tempfile.TemporaryDirectory(prefix="galley-kernel-")
        manager.connection_file = str(Path(self._sockets.name) / "kernel.json")
        manager.ip = str(Path(self._sockets.name) / "kernel-ipc")
        if self._observer.python is not None:
            manager.kernel_spec_manager = _WithPython(self._observer.python)
        return manager

    def start_new_kernel(self, **kwargs: Any) -> None:
        """Start the kernel in the observer's environment and folder."""
        reading, writing = os.pipe()
        with open(reading, "rb") as told:  # noqa: PTH123  there is no path
            try:
                super().start_new_kernel(
                    env=self._observer.environment,
                    cwd=str(self._observer.cwd),
                    stdout=self._observer.kernel_output,
                    stderr=self._observer.kernel_output,
                    preexec_fn=partial(enter_task, writing, self._around()),
                    pass_fds=self._observer.files,
                    **kwargs,
                )
            finally:
                os.close(writing)
            obstacle, unwalled = json.loads(told.read() or '["", ""]')
        self._observer.kernel_started(self.km.provisioner.process, obstacle, unwalled)

    def _around(self) -> dict[str, Any] | None:
        """Return the walls of a kernel that is started, and what it is started by beyond."""
        walls = self._observer.walls
        if walls is None or self._sockets is None:
            return None
        shown = (*walls.shown, Path(self._sockets.name), *self._observer.needed)
        return walls.model_copy(update={"shown": shown}).model_dump(mode="json")

    def process_message(self, *args: Any, **kwargs: Any) -> NotebookNode | None:
        """Pass on printed text as it comes, before a ``clear_output`` can take it away."""
        output: NotebookNode | None = None
        outputs, index, redactor = self._observer.outputs, args[2], self._observer.redactor
        if args[0]["msg_type"] == "stream":
            self._observer.stream(args[0]["content"]["name"], args[0]["content"]["text"])
        for message in redactor.message(args[0]):
            content = message["content"]
            taken = [outputs.take(message, index, self._widget(message))]
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                redactor.outputs(args[1].outputs)
                taken.insert(0, outputs.late(index))
            for kept in filter(None, taken):
                output = super().process_message(kept, *args[1:], **kwargs)
        return output

    def _widget(self, message: dict[str, Any]) -> str | None:
        """Return the id of the output widget that takes an output; None: its cell does."""
        hooks = self.output_hook_stack.get(message["parent_header"].get("msg_id"))
        return hooks[-1].comm_id if hooks else None


class GalleyEngine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine with an observer."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, **kwargs: Any
    ) -> NotebookNode:
        """Execute the notebook; ``observer`` is one of the engine's keyword arguments."""
        observer: Observer = kwargs["observer"]
        saver = _Saver(nb_man)
        nb_man.save = saver.save

        def cell_started(cell: NotebookNode, cell_index: int) -> None:
            observer.cell_started(cell, cell_index)
            saver.later()

        client = _Client(
            nb_man,
            observer,
            kernel_name=kernel_name,
            kernel_manager_class=KernelManager,
            startup_timeout=kwargs["start_timeout"],
            timeout=None,
            iopub_timeout=OUTPUT_S,
            log=logger,
            on_cell_start=cell_started,
            on_cell_executed=observer.cell_executed,
        )
        executed: NotebookNode = client.execute()
        saver.all_done = True
        return executed


papermill_engines.register(NAME, GalleyEngine)
