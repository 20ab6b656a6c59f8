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
    candidates = (HERE / "default" / "notebooks", HERE.parents[1] / "notebooks")
    return next((path for path in candidates if path.is_dir()), None)
