"""One log of an attempt's outbox, as the platform writes it: the run around a notebook.

Nothing here waits for MLflow. The notebook appends to the same log (:mod:`galley.inside.outbox`);
:mod:`galley.tracking.shipper` sends it.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any, Self

from galley.inside.outbox import SCHEME, place, runs, spool, within
from galley.tracking.client import MAX_PARAM, MAX_TAG
from galley.tracking.files import FILES

PLUGIN = "plugin"
"""Folder of an attempt's outbox that a kernel has in its path, with MLflow's entry points."""


class Outbox:
    """The log of one run.

    Args:
        folder: of the attempt's outbox.
        log: name of the log.
        run: local id of the run.

    Attributes:
        run: local id of the run.
        uri: what MLflow takes as its tracking URI.
    """

    def __init__(self, folder: Path, log: str, run: str) -> None:
        self.run = run
        self.uri = f"{SCHEME}:{folder.resolve() / log}"
        self._folder = folder
        self._name = log
        self._path = folder / log / spool.LOG
        self._log = spool.Log(self._path)

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
        begun = cls(folder, log or run, run)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with within.entered(folder, PurePath(begun._name, spool.LOG), make=0o700):
            pass
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

        Raises:
            OSError: the log cannot be read.
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
        kept = PurePath(self._name, FILES, name)
        with within.entered(self._folder, kept, make=0o700) as files:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=files)
            try:
                os.link(file, name, dst_dir_fd=files, follow_symlinks=False)
            except OSError:  # another file system, or one without links
                new = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=files)
                with os.fdopen(new, "wb") as copy, file.open("rb") as source:
                    shutil.copyfileobj(source, copy)
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
    """Return the folder that kernels of the attempt need in their path, filled once.

    Raises:
        OSError: it cannot be filled.
    """
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
