"""JupyterHub for Galley: everything it does follows from the settings and the tenants file."""

from __future__ import annotations

from typing import Any

from galley.domain.settings import Settings


def configure(c: Any, settings: Settings) -> None:
    """Set up JupyterHub: ``c`` is its traitlets configuration.

    Raises:
        galley.errors.InvalidInput: the tenants file is missing or wrong.
    """
    # Imported late: single-user servers import this package too, and should start quickly.
    from galley_hub.configuration import apply

    apply(c, settings)
