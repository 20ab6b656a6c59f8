"""Where the files beside the code lie, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent


def templates() -> Path:
    """Return the folder of page templates, used before JupyterHub's own."""
    return HERE / "templates"


def lab_config() -> Path:
    """Return the folder of the servers' Jupyter configuration."""
    return HERE / "lab"


def examples() -> Path | None:
    """Return the folder of example notebooks, or None where there is none."""
    return _first(HERE / "notebooks", HERE.parents[1] / "notebooks")


def example_tenants() -> Path | None:
    """Return the example tenants file, or None where there is none."""
    return _first(HERE / "tenants.yaml", HERE.parent / "tenants.yaml")


def jupyterhub_config() -> Path | None:
    """Return the configuration file to start JupyterHub with, or None where there is none."""
    return _first(HERE / "jupyterhub_config.py", HERE.parent / "jupyterhub_config.py")


def _first(*candidates: Path) -> Path | None:
    return next((path for path in candidates if path.exists()), None)
