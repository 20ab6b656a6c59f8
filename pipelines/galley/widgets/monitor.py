"""A view of one run that moves as the run does."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from html import escape
from typing import Any
from uuid import UUID

import ipywidgets

from galley.client import Client
from galley.client.usage import blocks, busy, peak, size
from galley.domain.runs import Run, RunState
from galley.domain.usage import AttemptUsage, joined
from galley.errors import PublicError, Unavailable
from galley.widgets.connection import own_client

TAIL = 12
"""Lines of the log that are shown."""

TAIL_BYTES = 16 * 2**10
"""What is read of a log that is far ahead of what is shown, bytes."""

_WORDS = {
    RunState.QUEUED: "… queued",
    RunState.LAUNCHING: "▶ starting",
    RunState.RUNNING: "▶ running",
    RunState.SUCCEEDED: "✓ succeeded",
    RunState.FAILED: "✗ failed",
    RunState.CANCELLED: "■ cancelled",
    RunState.TIMED_OUT: "✗ timed out",
    RunState.SKIPPED: "– skipped",
}
_STYLES = {
    RunState.SUCCEEDED: "success",
    RunState.FAILED: "danger",
    RunState.TIMED_OUT: "danger",
    RunState.CANCELLED: "warning",
}


class RunMonitor(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is untyped
    """Progress, memory and CPU, the log's tail and the metrics of a run, until it has ended.

    Args:
        run: id of the run.
        client: default is this server's.
        live: follow the run in a background thread; False shows it as it is now.

    Raises:
        NotFound: there is no such run for this caller.
    """

    def __init__(self, run: UUID | str, *, client: Client | None = None, live: bool = True) -> None:
        self._client = client or own_client()
        self._id = UUID(str(run))
        self._stop = threading.Event()
        self._text = ""
        self._offset, self._attempt = 0, 1
        self._usage: AttemptUsage | None = None
        self._head = ipywidgets.HTML()
        self._bar = ipywidgets.IntProgress(min=0, max=1, layout=ipywidgets.Layout(width="100%"))
        self._log = ipywidgets.HTML()
        self._used = ipywidgets.HTML()
        self._foot = ipywidgets.HTML()
        super().__init__([self._head, self._bar, self._used, self._log, self._foot])
        self.refresh()
        if live and not self.run.state.ended:
            threading.Thread(target=self._follow, name=f"run {self._id}", daemon=True).start()

    def stop(self) -> None:
        """Stop following; what is shown stays."""
        self._stop.set()

    def refresh(self) -> None:
        """Ask once and show the answer."""
        self.run = self._client.run(self._id)
        self._read_log()
        self._read_used()
        self._show()

    def _follow(self) -> None:
        with self._client.watch(self._id, stop=self._stop) as watch:
            while watch.wait():
                try:
                    self.refresh()
                except Unavailable as error:
                    self._foot.value = f"<i>{escape(error.detail)} Trying again.</i>"
                    continue
                except PublicError as error:
                    self._foot.value = f"✗ {escape(error.detail)}"
                    return
                if self.run.state.ended:
                    return

    def _read_log(self) -> None:
        if self.run.attempt_count > self._attempt:
            self._attempt, self._offset, self._text = self.run.attempt_count, 0, ""
        size = self._offset + 1 if self.run.attempt_count else 0
        while self._offset < size:
            chunk = self._client.log(self._id, attempt=self._attempt, offset=self._offset)
            if chunk.next_offset == self._offset:
                return
            self._text = (self._text + chunk.text)[-TAIL_BYTES:]
            size = chunk.size
            self._offset = max(chunk.next_offset, size - TAIL_BYTES)

    def _read_used(self) -> None:
        if self.run.attempt_count == 0:
            return
        known = self._usage
        if known is None or known.attempt != self.run.attempt_count:
            known = None
        last = (
            max((one.points[-1].at for one in known.tasks if one.points), default=None)
            if known
            else None
        )
        fresh = self._client.resources(self._id, self.run.attempt_count, after=last)
        self._usage = fresh if known is None else joined(known, fresh)

    def _show(self) -> None:
        run = self.run
        self._head.value = _heading(run)
        self._bar.max, self._bar.value = run.cells or 1, run.cell or 0
        self._bar.bar_style = _STYLES.get(run.state, "info")
        self._used.value = _used(self._usage)
        self._log.value = _log(self._text.splitlines()[-TAIL:])
        self._foot.value = _metrics(run)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add what is shown where there is no kernel: a page or a saved notebook."""
        bundle = super()._repr_mimebundle_(**options)
        if isinstance(bundle, dict):
            bundle["text/html"] = self.html()
            bundle["text/plain"] = f"Run {self._id}: {_WORDS[self.run.state]}"
        return bundle

    def html(self) -> str:
        """Return what is shown at present, without a progress bar."""
        return f"{self._head.value}{self._used.value}{self._log.value}{self._foot.value}"


def _heading(run: Run) -> str:
    progress = f" · cell {run.cell} of {run.cells}" if run.cells else ""
    ended = run.ended_at or datetime.now(UTC)
    took = f" · {(ended - run.started_at).total_seconds():.0f} s" if run.started_at else ""
    reason = f"<br>{escape(run.state_reason)}" if run.state_reason else ""
    return (
        f"<b>{escape(run.pipeline_name)}</b> v{run.version} · {_WORDS[run.state]}{progress}{took}"
        f"<br><small>{run.id}</small>{reason}"
    )


def _log(lines: list[str]) -> str:
    if not lines:
        return ""
    text = escape("\n".join(lines))
    return f"<pre style='font-size: 85%; overflow-x: auto'>{text}</pre>"


def _metrics(run: Run) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{value:.6g}</td></tr>"
        for name, value in sorted(run.metrics.items())
    )
    return f"<table>{rows}</table>" if rows else ""


def _used(usage: AttemptUsage | None) -> str:
    if usage is None:
        return ""
    rows = "".join(
        f"<tr><td>{escape(one.task)}</td>"
        f"<td>{size(one.points[-1].memory)}, at most {size(peak(one))} of {size(usage.memory)}</td>"
        f"<td><code>{blocks([point.memory for point in one.points], usage.memory)}</code></td>"
        f"<td>{one.points[-1].cpu_s:.1f} s of CPU</td>"
        f"<td><code>{blocks(busy(one.points), usage.cpu)}</code></td></tr>"
        for one in usage.tasks
        if one.points
    )
    head = "<tr><th>Task</th><th>Memory</th><th></th><th>CPU</th><th></th></tr>"
    return f"<table style='font-size: 85%'>{head}{rows}</table>" if rows else ""
