"""What papermill finds by its entry points: stand-ins that load the engines when they are used.

papermill loads every engine when it is imported, whichever is used; and importing an engine first
would import papermill, which loads it half-made.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class _Deferred:
    """An engine of papermill by name; it has the methods that papermill calls, as class methods."""

    name: str

    @classmethod
    def execute_notebook(cls, *arguments: Any, **options: Any) -> Any:
        """Execute a notebook."""
        return cls._real().execute_notebook(*arguments, **options)

    @classmethod
    def nb_kernel_name(cls, *arguments: Any, **options: Any) -> Any:
        """Return the name of a notebook's kernel."""
        return cls._real().nb_kernel_name(*arguments, **options)

    @classmethod
    def nb_language(cls, *arguments: Any, **options: Any) -> Any:
        """Return the language of a notebook."""
        return cls._real().nb_language(*arguments, **options)

    @classmethod
    def _real(cls) -> Any:
        import_module("papermill")
        return getattr(import_module("galley.run.engines"), cls.name)


class Batch(_Deferred):
    """``papermill --engine galley``."""

    name = "BatchEngine"


class Kernel(_Deferred):
    """``papermill --engine galley-kernel``."""

    name = "KernelEngine"
