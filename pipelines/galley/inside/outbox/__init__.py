"""MLflow's tracking store of a task: what a notebook logs goes to files, and is sent by others.

This package works by itself: it is copied into a folder of its own under the name
``galley_outbox``, beside the entry points that MLflow looks for (:func:`place`). Importing it
imports no MLflow; the functions below do that when MLflow calls them.

    within     opening files where somebody else writes as well
    spool      the files: complete lines, who may write which
    runs       what the lines say: the state of each run
    server     the real MLflow: run ids there, and the calls that need an answer
    store      the tracking store
    registry   the model registry, which is always asked
    artifacts  artifacts of runs, which are always sent at once
    cleaning   what of all this goes without the values of secrets
    redact     finds those values: it knows their ``forms``, finds their
               ``beginnings``, and looks at ``bare`` texts
"""

from __future__ import annotations

import sys
from pathlib import Path, PurePath
from typing import Any

from . import within

SCHEME = "galley-outbox"
NAME = "galley_outbox"

_ENTRY_POINTS = f"""\
[mlflow.tracking_store]
{SCHEME} = {NAME}:tracking_store

[mlflow.model_registry_store]
{SCHEME} = {NAME}:registry_store

[mlflow.artifact_repository]
{SCHEME} = {NAME}:run_artifacts
mlflow-artifacts = {NAME}:server_artifacts
"""


def place(folder: Path) -> Path:
    """Copy this package and its entry points to ``folder``, made where it is missing.

    A Python that has the folder in its path finds the store when it imports MLflow, in whatever
    environment it runs; nothing else is in the folder. Tasks may write there while this is done
    for another one, so no link in it is followed.

    Raises:
        OSError: it cannot be written.
    """
    own = Path(__file__).resolve().parent
    files = {PurePath(NAME, one.name): one.read_bytes() for one in own.glob("*.py")}
    info = PurePath(f"{NAME}-1.dist-info")
    files[info / "entry_points.txt"] = _ENTRY_POINTS.encode()
    files[info / "METADATA"] = b"Metadata-Version: 2.1\nName: galley-outbox\nVersion: 1\n"
    folder.parent.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        within.write(folder.parent, PurePath(folder.name) / path, content)
    return folder


def install(folder: Path) -> None:
    """Make the store known to this process, in which MLflow may be imported already.

    For a forked interpreter: its environment variables came after its imports. Call it in the
    child, before the notebook's first cell, with the folder that :func:`place` filled.
    """
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    tracking = sys.modules.get("mlflow.tracking._tracking_service.utils")
    if tracking is not None:
        tracking._tracking_store_registry.register(SCHEME, tracking_store)
        tracking._tracking_store_registry._get_store_with_resolved_uri.cache_clear()
    registry = sys.modules.get("mlflow.tracking._model_registry.utils")
    known = getattr(registry, "_model_registry_store_registry", None)
    if known is not None:
        known.register(SCHEME, registry_store)
    artifacts = sys.modules.get("mlflow.store.artifact.artifact_repository_registry")
    if artifacts is not None:
        artifacts._artifact_repository_registry.register(SCHEME, run_artifacts)
        artifacts._artifact_repository_registry.register("mlflow-artifacts", server_artifacts)


def tracking_store(store_uri: str, artifact_uri: str | None = None) -> Any:  # noqa: ARG001
    """Return the tracking store of ``galley-outbox:/FOLDER``."""
    from .store import OutboxStore

    return OutboxStore(store_uri)


def registry_store(store_uri: str, tracking_uri: str | None = None) -> Any:  # noqa: ARG001
    """Return the model registry behind ``galley-outbox:/FOLDER``."""
    from .registry import OutboxRegistry

    return OutboxRegistry(store_uri)


def run_artifacts(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> Any:
    """Return the artifacts of a run that has a local id."""
    from .artifacts import run_artifacts

    return run_artifacts(artifact_uri, tracking_uri, registry_uri)


def server_artifacts(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> Any:
    """Return artifacts behind MLflow's server, which is found also from a task."""
    from .artifacts import server_artifacts

    return server_artifacts(artifact_uri, tracking_uri, registry_uri)
