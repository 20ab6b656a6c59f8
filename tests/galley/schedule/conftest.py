from __future__ import annotations

from tests.galley.stores import (
    both_kinds,
    cluster,
    database,
    new_database,
    shared_database,
    shared_store,
    store,
    world,
)

__all__ = [
    "both_kinds",
    "cluster",
    "database",
    "new_database",
    "shared_database",
    "shared_store",
    "store",
    "world",
]
