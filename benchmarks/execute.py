"""What our limits, progress and log cost on top of papermill, for a trivial notebook.

A: `papermill.execute_notebook`; B: `galley.run.notebook.execute`, which is papermill's engine with
a guard on the kernel. Interleaved; prints each pair and the median of the ratios B / A.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import papermill
from galley.run.notebook import Limits, execute
from nbformat.v4 import new_code_cell, new_notebook

PAIRS = 7


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    notebook = new_notebook(cells=[new_code_cell("print('hello')", metadata={"tags": []})])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    text = nbformat.writes(notebook)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.ipynb").write_text(text)

        def peer() -> None:
            papermill.execute_notebook(
                str(folder / "in.ipynb"), str(folder / "a.ipynb"), progress_bar=False
            )

        def ours() -> None:
            done = execute(
                text,
                folder / "b.ipynb",
                task="hello",
                environment=dict(os.environ),
                cwd=folder,
                limits=Limits(
                    memory=2**31,
                    profile="cpu-small",
                    deadline=datetime.now(UTC) + timedelta(minutes=5),
                    timeout_s=300,
                    grace_s=5,
                ),
                cancelled=lambda: False,
                on_cell=lambda _cell, _cells: None,
                on_text=lambda _stream, _text: None,
            )
            assert done.error is None, done.error

        peer()
        ours()
        ratios = []
        for pair in range(PAIRS):
            a, b = seconds(peer), seconds(ours)
            ratios.append(b / a)
            print(f"pair {pair + 1}: papermill {a:.2f} s, galley {b:.2f} s, ratio {b / a:.2f}")
    print(f"median ratio galley / papermill: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
