from __future__ import annotations

from tests.galley.service.conftest import platform

__all__ = ["platform"]
