"""The JupyterLab extension's server half: a thin, authenticated bridge to Galley's service.

JupyterLab loads the prebuilt front end from ``labextension``; the service serves the same
components as a page of their own from ``standalone``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "galley-lab"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "galley_lab"}]


def _load_jupyter_server_extension(server_app: ServerApp) -> None:
    """Add the bridge's routes to a Jupyter server."""
    from galley_lab.bridge import load

    load(server_app)
