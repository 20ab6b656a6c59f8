from __future__ import annotations

from tests.galley.stores import database, empty_database, store, store_kind, world

__all__ = ["database", "empty_database", "store", "store_kind", "world"]
