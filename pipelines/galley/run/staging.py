"""A place of its own for each try of a task, so that a late one spoils nothing.

The cluster may begin a task again while an earlier try, cut off from it, still runs. Each try
writes its executed notebook and its products below a folder of its own. Only the result that the
cluster accepts is placed, each product in one step. What a notebook writes elsewhere than to
``product`` cannot be held back.
"""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path

import nbformat

from galley.run.cells import is_injected
from galley.run.tasks import TaskSpec

PRODUCTS = "GALLEY_PRODUCTS"
"""Where the project's ``handover`` stores variables, in a kernel's environment."""
_HANDED = "products"


def staged(spec: TaskSpec) -> TaskSpec:
    """Return what one try executes: ``spec`` with a folder of its own."""
    if spec.tries is None:
        return spec
    name = f"{spec.name}.{uuid.uuid4().hex}"
    folder = spec.tries / name
    folder.mkdir(parents=True)
    for product in spec.products:
        (folder / product).parent.mkdir(parents=True, exist_ok=True)
    return spec.model_copy(
        update={
            "notebook": _redirected(spec, folder),
            "output": folder / f"{spec.name}.ipynb",
            "staged": folder,
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
    own = json.dumps(str(spec.staged), ensure_ascii=False)[1:-1]
    if own in text:
        spec.output.write_text(
            text.replace(own, json.dumps(str(spec.cwd), ensure_ascii=False)[1:-1]), encoding="utf-8"
        )


def place(spec: TaskSpec, folder: Path) -> None:
    """Move the products of a try to their places, each in one step.

    What is not there was written to its place by the notebook itself, or is missing. The try's
    own path goes on leading to the product.

    Raises:
        OSError: a product cannot be moved.
    """
    for product in spec.products:
        own, final = folder / product, spec.cwd / product
        if own.exists() and not own.is_symlink():
            replace(own, final)
            own.symlink_to(final)


def replace(source: Path, target: Path) -> None:
    """Move a file or folder to ``target``, in place of what is there; readers see no part of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
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
