"""One log of an attempt's outbox, as the platform writes it: the run around a notebook.

Nothing here waits for MLflow. The notebook appends to the same log (:mod:`galley.inside.outbox`);
:mod:`galley.tracking.shipper` sends it.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from galley.inside.outbox import SCHEME, place, runs, spool
from galley.tracking.client import MAX_PARAM, MAX_TAG

PLUGIN = "plugin"
"""Folder of an attempt's outbox that a kernel has in its path, with MLflow's entry points."""


class Outbox:
    """The log of one run.

    Attributes:
        run: local id of the run.
        uri: what MLflow takes as its tracking URI.
    """

    def __init__(self, log: Path, run: str) -> None:
        self.run = run
        self.uri = f"{SCHEME}:{log.parent.resolve()}"
        self._path = log
        self._log = spool.Log(log)

    @classmethod
    def begin(
        cls,
        folder: Path,
        log: str | None,
        *,
        name: str,
        start_ms: int,
        tags: Mapping[str, str],
        params: Mapping[str, Any] | None = None,
        run: str | None = None,
    ) -> Self:
        """Begin a run and return its log.

        Args:
            folder: of the attempt's outbox.
            log: name of the log; None: the run's id.
            run: its local id, where it is promised already.

        Raises:
            OutboxFull, OSError: it cannot be written.
        """
        run = run or spool.local_run()
        place_ = folder / (log or run)
        place_.mkdir(mode=0o700, parents=True, exist_ok=True)
        begun = cls(place_ / spool.LOG, run)
        cut = {key: value[:MAX_TAG] for key, value in tags.items()}
        begun._append(
            runs.created(run, experiment=spool.EXPERIMENT, name=name, start_ms=start_ms, tags=cut)
        )
        if params:
            written = {key: str(value)[:MAX_PARAM] for key, value in params.items()}
            begun._append({"op": "batch", "run": run, "params": written})
        return begun

    def metrics(self) -> dict[str, float]:
        """Return the latest value of each metric of the run, as far as it is a finite number.

        MLflow keeps the others; neither JSON nor a database of ours knows them.
        """
        records, _, _ = spool.read(self._path)
        known: dict[str, runs.RunState] = {}
        runs.apply(known, records)
        latest = runs.values(known[self.run]) if self.run in known else {}
        return {key: value for key, value in latest.items() if math.isfinite(value)}

    def keep(self, name: str, file: Path) -> None:
        """Have a file stored with the run under ``name``, as it is now.

        Raises:
            OutboxFull, OSError: it cannot be kept.
        """
        files = self._path.parent / "files"
        files.mkdir(mode=0o700, exist_ok=True)
        kept = files / name
        kept.unlink(missing_ok=True)
        try:
            os.link(file, kept)
        except OSError:  # another file system, or one without links
            shutil.copyfile(file, kept)
        self._append({"op": "artifact", "run": self.run, "path": name, "file": name})

    def end(self, status: str, *, at_ms: int, metrics: Mapping[str, float] | None = None) -> None:
        """End the run, and what the notebook left open in it; nothing follows.

        Args:
            status: ``FINISHED``, ``FAILED`` or ``KILLED``.

        Raises:
            OutboxFull: it cannot be written.
        """
        if metrics:
            points = [
                {"key": key, "value": value, "timestamp": at_ms, "step": 0}
                for key, value in metrics.items()
            ]
            self._append({"op": "batch", "run": self.run, "metrics": points})
        self._append({"op": "update", "run": self.run, "status": status, "end": at_ms})
        self._append({"op": "closed", "status": status, "at": at_ms})
        self._log.close()

    def _append(self, record: spool.Record) -> None:
        self._log.append(record)


def place_plugin(folder: Path) -> Path:
    """Return the folder that kernels of the attempt need in their path, filled once."""
    plugin = folder / PLUGIN
    if not plugin.exists():
        place(plugin)
    return plugin


def unlinked(file: Path) -> None:
    """Give a file that is kept in an outbox a life of its own, before it is written again."""
    if file.exists() and file.stat().st_nlink > 1:
        copy = file.with_name(f".{file.name}.own")
        shutil.copyfile(file, copy)
        copy.replace(file)
