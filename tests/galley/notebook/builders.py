"""Small notebooks, made where they are needed."""

from __future__ import annotations

from typing import Any

from galley.domain.versions import Analysis, Check
from galley.notebook.analysis import analyse
from galley.notebook.installed import Distribution, Installed

NUMPY = Distribution(name="numpy", version="2.4.0")
INSTALLED = Installed(
    modules={
        "numpy": (NUMPY,),
        "sklearn": (Distribution(name="scikit-learn", version="1.9.1"),),
        "google": (
            Distribution(name="google-auth", version="2.0"),
            Distribution(name="protobuf", version="7.0"),
        ),
        "google.protobuf": (Distribution(name="protobuf", version="7.0"),),
        "mlflow": (
            Distribution(name="mlflow-skinny", version="3.17.2"),
            Distribution(name="mlflow", version="3.17.2"),
        ),
    },
    python="3.11",
)


def code(source: Any, *tags: str, identity: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a code cell."""
    cell = {
        "cell_type": "code",
        "source": source,
        "metadata": {"tags": list(tags)} if tags else {},
        "outputs": [],
        "execution_count": None,
        **more,
    }
    return {**cell, "id": identity} if identity else cell


def markdown(source: str, identity: str | None = None) -> dict[str, Any]:
    """Return a Markdown cell."""
    cell: dict[str, Any] = {"cell_type": "markdown", "source": source, "metadata": {}}
    return {**cell, "id": identity} if identity else cell


def notebook(*cells: dict[str, Any] | str, **metadata: Any) -> dict[str, Any]:
    """Return a notebook of cells; a string is a code cell."""
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": metadata,
        "cells": [code(cell) if isinstance(cell, str) else cell for cell in cells],
    }


def with_parameters(source: str) -> dict[str, Any]:
    """Return a notebook with a parameters cell and one that follows."""
    return notebook(code(source, "parameters"), "print('on')")


def analysed(made: dict[str, Any], **modules: str) -> Analysis:
    """Return the analysis against a small environment; ``helpers="..."`` sends ``helpers.py``."""
    return analyse(made, {f"{name}.py": text for name, text in modules.items()}, INSTALLED)


def found(analysis: Analysis, code_: str) -> list[Check]:
    """Return the checks of one code."""
    return [check for check in analysis.checks if check.code == code_]
