from __future__ import annotations

from tests.galley.stores import database, store, store_kind, world

__all__ = ["database", "store", "store_kind", "world"]
