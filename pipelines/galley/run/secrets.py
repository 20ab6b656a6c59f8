"""Hands the secrets of a task to a kernel that is started; see :mod:`galley.inside.secrets`."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from galley.inside import secrets as inside
from galley.run.zygotes import handed_over

HANDED = "GALLEY_SECRETS_HANDED"
"""Under this name the runner's host hands the secrets on; it is no environment variable."""


@contextlib.contextmanager
def handed(
    secrets: Mapping[str, str], environment: Mapping[str, str]
) -> Iterator[tuple[dict[str, str], tuple[int, ...], tuple[Path, ...]]]:
    """Yield of a kernel that gets secrets, name → value: environment, open files, and a folder."""
    if not secrets:
        yield dict(environment), (), ()
        return
    given = environment.get("IPYTHONDIR")
    with (
        tempfile.TemporaryDirectory(prefix="galley-secrets-") as folder,
        handed_over(secrets) as file,
    ):
        added = inside.prepare(Path(folder), None if given is None else Path(given))
        yield {**environment, **added, inside.VARIABLE: str(file)}, (file,), (Path(folder),)
