"""A place of its own for each try of a task, so that a late one spoils nothing.

The cluster may begin a task again while an earlier try, cut off from it, still runs. Each try
writes its products below a folder of its own, and its executed notebook is written beside those of
other tries, where no task sees it. Only the result that the cluster accepts is placed, each product
in one step. What a notebook writes elsewhere than to ``product`` cannot be held back.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import nbformat

from galley.inside.outbox.within import Identity, entered, identity
from galley.run.cells import is_injected
from galley.run.tasks import TaskSpec

PRODUCTS = "GALLEY_PRODUCTS"
"""Where the project's ``handover`` stores variables, in a kernel's environment."""
_HANDED = "products"


@contextlib.contextmanager
def staged(spec: TaskSpec) -> Iterator[TaskSpec]:
    """Yield what one try executes: ``spec`` with a folder of its own.

    Raises:
        OSError: the folder cannot be made, or another task has just put something in its place.
    """
    if spec.tries is None:
        yield spec
        return
    name = f"{spec.name}.{uuid.uuid4().hex}"
    folder = spec.tries / name
    folder.mkdir(parents=True)
    executed = spec.output.parent / "tries" / name / f"{spec.name}.ipynb"
    executed.parent.mkdir(parents=True)
    # It stays open while the task runs: some file systems give a folder that nobody uses another
    # number.
    with entered(folder, Path()) as own:
        made = identity(own)
        for product in spec.products:
            with reached(folder, product, made):
                pass
        yield spec.model_copy(
            update={
                "notebook": _redirected(spec, folder),
                "output": executed,
                "staged": folder,
                "staged_as": made,
                "environment": {**spec.environment, PRODUCTS: str(folder / _HANDED)},
            }
        )


def _redirected(spec: TaskSpec, folder: Path) -> str:
    notebook = nbformat.v4.reads(spec.notebook)  # Ploomber wrote it: to validate it takes longer
    for cell in notebook.cells:
        if is_injected(cell):
            for product in spec.products:
                own, final = _literal(folder / product), _literal(spec.cwd / product)
                cell.source = cell.source.replace(final, own)
    text: str = nbformat.v4.writes(notebook)
    return text


def _literal(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)


def restore(spec: TaskSpec) -> None:
    """Let the executed notebook of a try name the products by their final places."""
    if spec.staged is None or not spec.output.exists():
        return
    text = spec.output.read_text(encoding="utf-8")
    final = _literal(spec.cwd)[1:-1]
    restored = text
    for own in (spec.staged, spec.output.parent):
        restored = restored.replace(_literal(own)[1:-1], final)
    if restored != text:
        spec.output.write_text(restored, encoding="utf-8")


def place(spec: TaskSpec, folder: Path, known: Identity | None = None) -> None:
    """Move the products of a try to their places, each in one step.

    What is not there was written to its place by the notebook itself, or is missing. The try's
    own path goes on leading to the product.

    Args:
        folder: of the try; its tasks can write where it lies.
        known: which folder was made there for the try; None: nobody has looked.

    Raises:
        OSError: a product cannot be moved.
    """
    for product in spec.products:
        with reached(folder, product, known) as own, reached(spec.cwd, product) as final:
            if own.exists() and not own.is_symlink():
                replace(own, final)
                own.symlink_to(spec.cwd / product)


@contextlib.contextmanager
def reached(folder: Path, path: Path, known: Identity | None = None) -> Iterator[Path]:
    """Yield where a file of a folder is, however the folders between are moved meanwhile.

    They are made where they are missing. Notebooks write there: a link that one of them has made
    of a folder could lead out of its walls, and whoever places products is not behind them.

    Args:
        path: relative to ``folder``.
        known: which folder that is; None: nobody else can give its place to another one.

    Raises:
        OSError: it or a folder on the way is a link, or no folder, or not the known one.
    """
    with entered(folder, path, make=0o777, known=known) as place:
        yield Path(f"/proc/self/fd/{place}") / path.name


def replace(source: Path, target: Path) -> None:
    """Move a file or folder to ``target``, in place of what is there; readers see no part of it."""
    new, old = (
        target.with_name(f".{target.name}.{uuid.uuid4().hex}.{end}") for end in ("new", "old")
    )
    shutil.move(source, new)
    if new.is_dir() or (target.is_dir() and not target.is_symlink()):
        if target.exists():
            target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)
    else:
        new.replace(target)


def show(notebook: Path, executed: Path) -> None:
    """Let ``notebook`` be the executed notebook of the try that counts now, as it grows."""
    if notebook.is_symlink() and notebook.readlink() == executed:
        return
    link = notebook.with_name(f".{notebook.name}.{uuid.uuid4().hex}")
    link.symlink_to(executed)
    link.replace(notebook)
