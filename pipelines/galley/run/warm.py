"""What Ploomber does only the first time in a process, done before there is work for it.

Loading a project of one notebook takes five times as long the first time: schemas are read,
templates compiled, the machine's kernels looked up.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

from galley.run.dag import load_dag

_PIPELINE = {
    "meta": {"extract_upstream": True, "extract_product": False},
    "tasks": [
        {"source": "first.ipynb", "name": "first", "product": "out/first.ipynb"},
        {
            "source": "second.ipynb",
            "name": "second",
            "product": {"nb": "out/second.ipynb", "data": "out/data.parquet"},
        },
    ],
}
_UPSTREAM = {"first": None, "second": ["first"]}


def warm_up() -> None:
    """Load and render a project of two notebooks, and forget it."""
    with tempfile.TemporaryDirectory(prefix="galley-warm-") as name, contextlib.chdir(name):
        folder = Path(name)
        (folder / "pipeline.yaml").write_text(json.dumps(_PIPELINE))
        for task, upstream in _UPSTREAM.items():
            (folder / f"{task}.ipynb").write_text(json.dumps(_notebook(upstream)))
        load_dag(folder, {"rounds": 2})


def _notebook(upstream: list[str] | None) -> dict[str, Any]:
    declared = f"upstream = {upstream}\nproduct = None\nrounds = 1"
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "cells": [_code("declared", declared, tags=["parameters"]), _code("body", "rounds")],
        "metadata": {"kernelspec": python},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _code(name: str, source: str, **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }
