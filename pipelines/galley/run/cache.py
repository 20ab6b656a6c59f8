"""What tasks have made, kept so that it need not be made again: products and executed notebooks."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path, PurePath
from uuid import UUID

from pydantic import Field

from galley.domain.model import Model
from galley.inside.outbox.within import entered, there
from galley.run.copies import copy, size_of
from galley.run.job import write_private
from galley.run.staging import reached, replace
from galley.run.strays import marks
from galley.run.tasks import TaskResult, TaskSpec

MAX_ALL = 8 * 2**30
"""Bytes of all entries of a folder that are kept once an attempt has ended."""
MAX_AGE_S = 7 * 24 * 3600
"""How long one is kept that nobody uses, where it is not said otherwise."""
_MADE = "made.json"
_NOTEBOOK = "executed.ipynb"
_PRODUCTS = "products"
_WHOLE = "whole"


class Made(Model):
    """A task that ended well.

    Attributes:
        digest: of what it was made from.
        run, attempt: what executed it.
        products: paths relative to the project.
    """

    digest: str
    run: UUID | None = None
    attempt: int
    products: tuple[Path, ...]
    result: TaskResult
    size: int = Field(ge=0)


class TaskCache:
    """Entries of one folder, each under a name.

    Args:
        folder: made when there is something to keep.
        project: the present attempt's working directory.
    """

    def __init__(self, folder: Path, project: Path) -> None:
        self.folder = folder
        self._project = project

    def get(self, name: str) -> Made:
        """Return what is known of an entry.

        Raises:
            OSError: there is none, or not all of it.
            ValidationError: it is of another release.
        """
        kept = self.folder / name
        made = Made.model_validate_json((kept / _MADE).read_bytes())
        if made.size != sum(_size(kept / part) for part in (_NOTEBOOK, _PRODUCTS, _WHOLE)):
            raise FileNotFoundError(f"not all of {kept} is there any more")
        return made

    def place(self, name: str, made: Made, output: Path, whole: Path | None = None) -> None:
        """Put an entry's products into the project, and its executed notebook at ``output``.

        Args:
            whole: folder for the files that hold what was cut in the notebook.

        Raises:
            OSError: it cannot be copied; nothing of it is in the project.
        """
        kept = self.folder / name
        try:
            for product in made.products:
                self._place(kept / _PRODUCTS, product, made.size)
            _copy(kept / _NOTEBOOK, output)
            if whole is not None and (kept / _WHOLE).is_dir():
                _copy(kept / _WHOLE, whole)
            if (found := self._placed(made, output, whole)) != made.size:
                raise FileNotFoundError(f"{found} of {made.size} bytes of {kept} were there")
        except OSError:
            for product in made.products:
                with contextlib.suppress(OSError), reached(self._project, product) as target:
                    _remove(target)
            raise
        with contextlib.suppress(OSError):
            os.utime(kept)  # what is used is kept

    def _place(self, kept: Path, product: Path, most: int) -> None:
        with (
            entered(kept, product) as source,
            entered(self._project, product, make=0o777) as target,
        ):
            new = Path(f"/proc/self/fd/{target}") / f".{product.name}.{uuid.uuid4().hex}.new"
            try:
                copy(source, product, target, new.name, most)
                replace(new, new.with_name(product.name))
            finally:
                _remove(new)

    def _placed(self, made: Made, output: Path, whole: Path | None) -> int:
        """Return the size of what was placed of an entry, bytes: another run may just remove it."""
        parts = [output]
        if whole is not None:
            parts += whole.glob(f"{made.result.name}.*")
        return sum(map(_size, parts)) + sum(map(self._size, made.products))

    def _size(self, product: Path) -> int:
        """Return the size of a product in the project, bytes; raises OSError as ``put`` does."""
        with entered(self._project, product) as place:
            return size_of(place, product)

    def put(
        self,
        name: str,
        spec: TaskSpec,
        result: TaskResult,
        *,
        digest: str,
        run: UUID | None,
        attempt: int,
        room: int,
        whole: Sequence[Path] = (),
    ) -> int:
        """Keep what a task made that has just ended well; return its size, 0 where it has no room.

        Args:
            room: bytes that it may have.
            whole: files that hold what was cut in the notebook.

        Raises:
            OSError: it cannot be kept: one of its products is a link, or there is no space.
        """
        made = {one: self._size(one) for one in spec.products if there(self._project, one)}
        executed = result.output or spec.output
        size = sum(made.values()) + sum(map(_size, (executed, *whole)))
        if size > room:
            return 0
        new = self.folder / f".{uuid.uuid4().hex}.new"
        new.mkdir(mode=0o700, parents=True)
        try:
            for product, most in made.items():
                inner = PurePath(_PRODUCTS) / product
                with (
                    entered(self._project, product) as place,
                    entered(new, inner, make=0o700) as target,
                ):
                    copy(place, product, target, product.name, most)
            _copy(executed, new / _NOTEBOOK)
            for file in whole:
                _copy(file, new / _WHOLE / file.name)
            entry = Made(
                digest=digest,
                run=run,
                attempt=attempt,
                products=tuple(made),
                result=result,
                size=size,
            )
            write_private(new / _MADE, entry.model_dump_json())
            old = new.with_suffix(".old")
            with contextlib.suppress(FileNotFoundError):
                (self.folder / name).replace(old)
            new.replace(self.folder / name)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return size

    def clear(self) -> None:
        """Remove all entries."""
        shutil.rmtree(self.folder, ignore_errors=True)


def prune(folder: Path, now_s: float, *, max_age_s: float = MAX_AGE_S) -> None:
    """Remove what nobody has used for long, and the oldest of what is too much.

    Attempts that end at the same time may do so at once.

    Args:
        folder: what is in it is removed as a whole or not at all; it need not exist.
        now_s: seconds since 1970.
    """
    found = []
    for one in folder.glob("*"):
        with contextlib.suppress(OSError):
            found.append((one.stat().st_mtime, _size(one), one))
    total = 0
    for changed_s, size, one in sorted(found, reverse=True):
        total += size
        if now_s - changed_s > max_age_s or total > MAX_ALL:
            _remove(one)


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size if path.exists() else 0
    return sum(size for _, (_, size) in marks(path))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
