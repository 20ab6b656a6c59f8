"""Does a forked kernel mean the same as papermill? For any folder of notebooks.

``python benchmarks/agreement.py FOLDER… [--timeout S]`` executes each notebook below the folders
with papermill's own engine, with ``galley`` and ``galley-kernel``, and with papermill's own once
more. It compares the executed notebooks, and whether they failed. A notebook on which papermill
does not agree with itself says nothing. It prints what differs and fails where there was a
difference.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from galley.run.sockets import KernelManager

from tests.galley.run.conformance import comparable

OWN = "papermill"
ENGINES = (OWN, "galley", "galley-kernel", OWN)


def main() -> None:
    options = _options()
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    agree, unstable, different = 0, [], []
    for notebook in _notebooks(options.folders):
        with tempfile.TemporaryDirectory() as folder:
            first, *ours, again = (
                _executed(notebook, engine, Path(folder) / str(number), options.timeout)
                for number, engine in enumerate(ENGINES)
            )
        differing = [one for one, found in zip(ENGINES[1:-1], ours, strict=True) if found != first]
        if first != again:
            unstable.append(notebook)
        elif differing:
            different.append(notebook)
            print(f"{notebook} with {' and '.join(differing)}:")
            for found in ours:
                _tell(first, found)
        else:
            agree += 1
    print(f"{agree} agree, {len(different)} differ, {len(unstable)} differ from themselves:")
    print(*(f"  {notebook}" for notebook in unstable), sep="\n")
    sys.exit(1 if different else 0)


def _notebooks(folders: list[Path]) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*.ipynb")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _executed(notebook: Path, engine: str, folder: Path, timeout: int) -> tuple[bool, Any]:
    """Return whether it failed, and what it has become; in a copy of its own folder."""
    shutil.copytree(notebook.parent, folder)
    target = folder / ".executed.ipynb"
    own = {"kernel_manager_class": KernelManager}  # or papermill waits for ever, sometimes
    try:
        papermill.execute_notebook(
            str(notebook),
            str(target),
            engine_name=None if engine == OWN else engine,
            kernel_name="python3",
            progress_bar=False,
            cwd=str(folder),
            execution_timeout=timeout,
            **(own if engine == OWN else {}),
        )
    except (papermill.PapermillExecutionError, CellTimeoutError, DeadKernelError):
        return True, comparable(target)
    return False, comparable(target)


def _tell(first: tuple[bool, Any], found: tuple[bool, Any]) -> None:
    if first[0] != found[0]:
        print("  failed" if found[0] else "  did not fail")
    cells = zip(first[1]["cells"], found[1]["cells"], strict=True)
    for number, (theirs, ours) in enumerate(cells, 1):
        if theirs != ours:
            print(f"  cell {number}: {theirs}\n    ours: {ours}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--timeout", type=int, default=60, help="of a cell, seconds")
    return parser.parse_args()


if __name__ == "__main__":
    main()
