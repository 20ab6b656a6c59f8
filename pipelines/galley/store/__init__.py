"""State: tables, migrations, and one module of questions and changes per aggregate."""

from __future__ import annotations

from galley.store.engine import Store

__all__ = ["Store"]
