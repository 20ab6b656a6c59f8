"""Who follows one execution: its progress, its text, and the guard of its kernel."""

from __future__ import annotations

import contextlib
import subprocess
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import nbformat
import psutil

from galley.domain.model import Instant
from galley.run import cells as whose
from galley.run import failures
from galley.run.confine import confine
from galley.run.family import Family
from galley.run.guard import Guard, Stop
from galley.run.outputs import MAX_CELL, MAX_OUTPUT, Outputs
from galley.run.pieces import Pieces
from galley.run.piped import Fork
from galley.run.processes import TASK_MARK, lives
from galley.run.redaction import Redactor
from galley.run.secrets import handed
from galley.run.usage import Meter
from galley.run.walls import Walls
from galley.run.zygotes import ForkedKernel, Zygotes

END_S = 5.0
"""How long a kernel may take to end by itself after its last cell, as nbclient's."""
LAST_WORD_S = 1.0
"""How long the end of a kernel may take to be seen after its connection has ended."""
LOOK_S = 0.01
STARTED = "started"
FORKED = "forked"


@dataclass(frozen=True)
class Limits:
    """What one execution may use.

    Attributes:
        memory: bytes, of the kernel and all it starts.
        profile: name of the profile that the limit comes from, for messages.
        memory_tag: tag of a cell that the limit comes from; None: the profile.
        deadline: when it must have ended.
        timeout_s: the whole-run limit that the deadline comes from, for messages.
        grace_s: seconds between interrupt and kill.
        next_profile: the tenant's next larger profile, for messages; None where there is none.
        cell_timeout_s: seconds that a cell may take; None: as long as the run. The tag
            ``timeout:SECONDS`` of a cell goes before.
        cpu: cores; None: all.
        output: bytes of one output that the executed notebook keeps.
        cell_outputs: bytes of all outputs of one cell that it keeps.
    """

    memory: int
    profile: str
    deadline: Instant
    timeout_s: float
    grace_s: float
    next_profile: str | None = None
    memory_tag: str | None = None
    cell_timeout_s: float | None = None
    cpu: float | None = None
    output: int = MAX_OUTPUT
    cell_outputs: int = MAX_CELL

    @property
    def given(self) -> failures.Given:
        """What messages say of the limits."""
        return failures.Given(
            self.memory, self.profile, self.next_profile, self.timeout_s, self.memory_tag
        )


class Observer:
    """Follows one execution: progress, text and the guard of its kernel.

    Attributes:
        ended_well: whether the last cell has ended.
        fell_silent: whether the connection to the kernel ended before that.
        lived_on: whether the kernel was still there a moment later.
        given_up: why it is not waited for any more that a kernel comes into being; None: it is.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        cwd: Path,
        kernel_output: IO[bytes],
        limits: Limits,
        cancelled: Callable[[], bool],
        on_cell: Callable[[int, int], None],
        on_text: Callable[[str, str], None],
        on_note: Callable[[str], None],
        on_used: Callable[[int, float], None],
        python: Path | None,
        secrets: Mapping[str, str],
        redactor: Redactor,
        outputs: Outputs,
        walls: Walls | None = None,
    ) -> None:
        self.python = python
        self.redactor = redactor
        self.fork: Fork | None = None
        self.mark = uuid.uuid4().hex
        self.environment = {**environment, TASK_MARK: self.mark}
        self.files: tuple[int, ...] = ()
        self.needed: tuple[Path, ...] = ()
        self._secrets = secrets
        self.cwd = cwd
        self.kernel_output = kernel_output
        self.index: int | None = None
        self.finished = 0
        self.ended_well = False
        self.fell_silent = False
        self.lived_on = False
        self.given_up: Stop | None = None
        self.counted: frozenset[int] = frozenset()
        self.process: subprocess.Popen[bytes] | ForkedKernel | None = None
        self.guard: Guard | None = None
        self._obstacle = ""
        self._unwalled = ""
        self.walls = walls
        self.outputs = outputs
        self._limits = limits
        self._cancelled = cancelled
        self._on_cell = on_cell
        self._on_note = on_note
        self._on_used = on_used
        self._on_text = on_text
        self._printed = defaultdict[str, Pieces](redactor.pieces)

    @property
    def cells(self) -> int:
        """Code cells of the author's in total."""
        return len(self.counted)

    def kernel_started(
        self,
        process: subprocess.Popen[bytes] | ForkedKernel,
        obstacle: str = "",
        unwalled: str = "",
    ) -> None:
        """Take the kernel and hold it to its limits.

        Args:
            obstacle: what keeps one that was started from being apart from other processes.
            unwalled: what keeps it from being apart from their files.
        """
        self.process, self._obstacle = process, obstacle
        self._unwalled = process.unwalled if isinstance(process, ForkedKernel) else unwalled
        limits = self._limits
        group, told = confine(
            process.pid,
            self.mark,
            memory=limits.memory,
            cpu=limits.cpu,
            limit=failures.human_bytes(limits.memory),
        )
        self._on_note(told)
        self.guard = Guard(
            self._family(process, held=group is None),
            memory=limits.memory,
            deadline=limits.deadline,
            grace_s=limits.grace_s,
            cancelled=self._cancelled,
            group=group,
            on_sample=Meter(self._on_used),
        )
        self.guard.start()

    def _family(self, process: subprocess.Popen[bytes] | ForkedKernel, *, held: bool) -> Family:
        """Return whose memory counts; what a fork has of its zygote counts for nobody."""
        own_shm = self.walls.shared_memory if self.walls and not self._unwalled else 0
        if isinstance(process, ForkedKernel):
            return Family(process.pid, None, baseline=process.inherited, held=held, own_shm=own_shm)
        return Family(process.pid, self.mark, held=held, own_shm=own_shm)

    def forking(
        self,
        zygotes: Zygotes,
        modules: tuple[str, ...],
        *,
        bare: bool,
        assigned: frozenset[str],
        isolate: bool,
    ) -> Fork:
        """Return what forks the kernel in the task's environment."""
        return lambda pipe: zygotes.fork(
            python=self.python,
            env=self.environment,
            cwd=self.cwd,
            kind="batch",
            files=(pipe, self.kernel_output.fileno(), self.kernel_output.fileno()),
            preload=modules,
            bare=bare,
            assigned=assigned,
            isolate=isolate,
            secrets=self._secrets,
            walls=self.walls,
            wanted=self._is_wanted,
        )

    def _is_wanted(self) -> bool:
        """Whether a kernel is to come into being; there is no guard before it has."""
        if self._cancelled():
            self.given_up = Stop.CANCELLED
        elif datetime.now(UTC) >= self._limits.deadline:
            self.given_up = Stop.DEADLINE
        return self.given_up is None

    @contextlib.contextmanager
    def handing(self) -> Iterator[None]:
        """Have the secrets wait for a kernel that is started; one that is forked is told them."""
        waiting = {} if self.fork is not None else self._secrets
        with handed(waiting, self.environment) as (self.environment, self.files, self.needed):
            yield

    def stream(self, name: str, text: str) -> None:
        """Pass on text that a cell printed, without values of secrets.

        Lines go on whatever comes between their parts, an output or another cell, so that nothing
        but more of the same stream ends the wait for the rest of a value.
        """
        if clean := self._printed[name].feed(text):
            self._on_text(name, clean)

    def streams_ended(self) -> None:
        """Pass on what waited in vain."""
        for name, pieces in self._printed.items():
            if rest := pieces.rest():
                self._on_text(name, rest)

    def cell_started(self, cell: nbformat.NotebookNode, cell_index: int) -> None:
        """Note that a cell begins."""
        self.index = cell_index
        if self.guard is not None:
            self.guard.cell_began(whose.time_limit(cell, self._limits.cell_timeout_s))

    def cell_executed(
        self,
        cell: object,  # noqa: ARG002
        cell_index: int,
        execute_reply: dict[str, Any],
    ) -> None:
        """Count a cell that ended well."""
        if self.guard is not None:
            self.guard.measure()
        if execute_reply["content"]["status"] == "ok" and cell_index in self.counted:
            self.finished += 1
            self._on_cell(self.finished, self.cells)

    def kernel(self, unforked: str = "") -> str:
        """Return what the kernel was, in words.

        Args:
            unforked: why it was not forked, where it was to be.
        """
        files = "it reaches the files of other attempts: " if self.walls and self._unwalled else ""
        missing = [files and files + self._unwalled]
        if not isinstance(self.process, ForkedKernel):
            reaches = f"it reaches other processes of its uid: {self._obstacle}"
            told = "; ".join(filter(None, [unforked, self._obstacle and reaches, *missing]))
            return f"{STARTED}: {told}" if told else STARTED
        if self.process.obstacle:
            return f"{FORKED}, without a pid namespace: {self.process.obstacle}"
        if why := self.process.foreign:
            missing.append(f"psutil does not work in it, /proc is of its host's processes: {why}")
        return ", and ".join(filter(None, [FORKED, *missing]))

    def close(self) -> None:
        """Give the kernel the time to end that nbclient gives, then leave nothing of the task."""
        if isinstance(self.process, ForkedKernel):
            self.lived_on = self.fell_silent and lives_on(self.process)
            waits = self.ended_well or (self.fell_silent and not self.lived_on)
            self.process.end(END_S if waits else 0)
        if self.guard is not None:
            self.guard.close()


def lives_on(process: ForkedKernel) -> bool:
    """Whether a kernel is still there when its end should be seen, whoever is to tell of it."""
    until = time.monotonic() + LAST_WORD_S
    while process.poll() is None and _is_there(process.pid):
        if time.monotonic() >= until:
            return True
        time.sleep(LOOK_S)
    return False


def _is_there(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return lives(psutil.Process(pid))
    return False
