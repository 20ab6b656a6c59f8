"""What one isolated run of a notebook costs: papermill, and ours in a forked kernel.

A: ``papermill.execute_notebook``; B: :func:`galley.run.notebook.execute` with a warm zygote, in a
pid namespace of its own, with limits, progress and log. Interleaved; prints each pair and the
median of the ratios A / B, for a trivial notebook and for ones that import what many notebooks
import. The cells take next to no time, so that this is what running them adds. Last, the memory of
a kernel that has imported all of it (PSS: shared pages count by the share).
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import papermill
from galley.run.notebook import Execution, execute
from galley.run.observer import FORKED, Limits
from galley.run.zygotes import Zygotes
from nbformat.v4 import new_code_cell, new_notebook

PAIRS = int(os.environ.get("PAIRS", "7"))
IMPORTS = {
    "trivial": "print('hello')",
    "pandas + scikit-learn": "import pandas, sklearn.linear_model\nprint('hello')",
    "pandas + scikit-learn + mlflow": "import pandas, sklearn.linear_model, mlflow\nprint('hello')",
}
PSS = """\
print(sum(int(line.split()[1]) for line in open('/proc/self/smaps_rollup') if line[:4] == 'Pss:'))
"""


class Both:
    """Executes a notebook either way."""

    def __init__(self, folder: Path, zygotes: Zygotes, *cells: str) -> None:
        self.folder, self.zygotes = folder, zygotes
        notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        for cell in notebook.cells:
            cell.metadata["tags"] = []
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        self.text = nbformat.writes(notebook)
        (folder / "in.ipynb").write_text(self.text)

    def peer(self) -> None:
        """Execute it with papermill."""
        papermill.execute_notebook(
            str(self.folder / "in.ipynb"), str(self.folder / "a.ipynb"), progress_bar=False
        )

    def ours(self) -> Execution:
        """Execute it in a fork."""
        done = execute(
            self.text,
            self.folder / "b.ipynb",
            task="hello",
            environment=dict(os.environ),
            cwd=self.folder,
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
            zygotes=self.zygotes,
        )
        assert done.error is None, done.error
        assert done.kernel == FORKED, done.kernel
        return done

    def printed(self, name: str) -> int:
        """Return the number that the last cell printed."""
        cells = json.loads((self.folder / name).read_text())["cells"]
        return int("".join(cells[-1]["outputs"][0]["text"]))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        zygotes = Zygotes(folder / "zygotes")
        for title, code in IMPORTS.items():
            _compare(title, Both(folder, zygotes, code))
        both = Both(folder, zygotes, IMPORTS["pandas + scikit-learn + mlflow"], PSS)
        both.peer()
        both.ours()
        a, b = both.printed("a.ipynb"), both.printed("b.ipynb")
        print(f"memory: papermill {a / 1024:.0f} MiB, galley {b / 1024:.0f} MiB, {a / b:.1f}x less")
        zygotes.close()


def _compare(title: str, both: Both) -> None:
    both.peer()
    both.ours()
    ratios = []
    for pair in range(PAIRS):
        a, b = seconds(both.peer), seconds(both.ours)
        ratios.append(a / b)
        print(f"{title}: pair {pair + 1}: papermill {a:.2f} s, galley {b:.3f} s, {a / b:.1f}x")
    print(f"{title}: median ratio papermill / galley: {statistics.median(ratios):.1f}", flush=True)


if __name__ == "__main__":
    main()
