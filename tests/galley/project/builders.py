"""Projects for the tests, made of tiny notebooks."""

from __future__ import annotations

from typing import Any

from galley.domain.versions import Analysis
from galley.notebook.analysis import analyse
from galley.notebook.installed import Distribution, Installed
from galley.project.build import build_project

INSTALLED = Installed(modules={"numpy": (Distribution(name="numpy", version="2.4.0"),)})


def cell(source: str, *tags: str, kind: str = "code", **more: Any) -> dict[str, Any]:
    """Return a cell as an author's notebook holds it, with outputs and counts."""
    made: dict[str, Any] = {
        "cell_type": kind,
        "id": more.pop("identity", None) or f"id{abs(hash(source)) % 10**6}",
        "metadata": {"tags": list(tags), "collapsed": False, "ExecuteTime": {"start": 1}},
        "source": source,
        **more,
    }
    if kind == "code":
        made |= {
            "execution_count": 7,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "seen"}],
        }
    return made


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook of cells."""
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "ada-env", "language": "python", "display_name": "Ada"},
            "widgets": {"state": {}},
        },
        "cells": list(cells),
    }


def analysed(made: dict[str, Any], modules: dict[str, str] | None = None) -> Analysis:
    """Return its analysis."""
    return analyse(made, modules or {}, INSTALLED, task="my_pipe")


def project(
    made: dict[str, Any], modules: dict[str, str] | None = None, **more: Any
) -> dict[str, bytes]:
    """Return its project, called ``my-pipe``."""
    sent = modules or {}
    return build_project(
        made, sent, analysed(made, sent), slug="my-pipe", tenant="oncology", **more
    )
