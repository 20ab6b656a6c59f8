"""Executes notebooks as a task of a run does, and keeps what is told meanwhile."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from galley.run.notebook import Execution, execute
from galley.run.observer import Limits
from galley.run.redaction import Redactor
from galley.run.zygotes import Zygotes

from tests.galley.run.conformance import Cell
from tests.galley.run.projects import notebook


class Executed:
    """Executes notebooks below a folder."""

    def __init__(self, folder: Path, zygotes: Zygotes | None) -> None:
        self.folder = folder
        self.zygotes = zygotes
        self.output = folder / "executed.ipynb"
        self.progress: list[tuple[int, int]] = []
        self.text = ""

    def run(self, *cells: Cell, **options: Any) -> Execution:
        """Execute a notebook of these cells; the options are those of :meth:`execute`."""
        return self.execute(json.dumps(notebook(*cells)), **options)

    def execute(
        self,
        document: str,
        *,
        memory: int = 2**30,
        seconds: float = 120,
        grace_s: float = 1,
        cell_timeout_s: float | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        on_text: Callable[[str], None] = lambda _: None,
        redactor: Redactor | None = None,
    ) -> Execution:
        def take(_: str, text: str) -> None:
            self.text += text
            on_text(text)

        return execute(
            document,
            self.output,
            task="fit",
            environment={
                **{name: os.environ[name] for name in ("PATH", "HOME")},
                "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                "TOKEN_OF_NOBODY": "x",
            },
            cwd=self.folder,
            limits=Limits(
                memory=memory,
                profile="cpu-small",
                deadline=datetime.now(UTC) + timedelta(seconds=seconds),
                timeout_s=seconds,
                grace_s=grace_s,
                next_profile="cpu-large",
                cell_timeout_s=cell_timeout_s,
            ),
            cancelled=cancelled,
            on_cell=lambda cell, cells: self.progress.append((cell, cells)),
            on_text=take,
            zygotes=self.zygotes,
            redactor=redactor,
        )
