"""Which variables of the environment modules read while they are imported ahead.

What a module made of them then, it keeps: a fork whose environment says otherwise had better not
have it. Who goes through all of them counts as a reader of those that are there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def noting(names: set[str]) -> Iterator[None]:
    """Add the names of those that are read meanwhile."""
    environment: Any = os._Environ
    read = environment.__getitem__

    def noted(self: Any, key: Any) -> Any:  # of bytes by ``os.environb``
        if isinstance(key, str):
            names.add(key)
        return read(self, key)

    environment.__getitem__ = noted
    try:
        yield
    finally:
        environment.__getitem__ = read
