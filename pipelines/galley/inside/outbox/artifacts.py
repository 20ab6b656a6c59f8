"""Artifacts as a task sees them: sent and fetched at once, at the server's addresses.

A model's description (``MLmodel``) names its run: it is sent with the id that the server knows.
Other texts are sent without the values of secrets.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository
from mlflow.tracking import get_tracking_uri

from . import SCHEME, spool
from .redact import given
from .server import Server

MAX_TEXT = 64 * 2**20
"""Bytes above which a text is sent as it stands: nobody reads so much of it."""
_DESCRIPTION = "MLmodel"


class TaskArtifacts(MlflowArtifactsRepository):  # type: ignore[misc]
    """MLflow's artifacts behind its server.

    Args:
        server: the task's way to it.
    """

    def __init__(self, uri: str, server: Server, registry_uri: str | None) -> None:
        super().__init__(uri, tracking_uri=server.address, registry_uri=registry_uri)
        self._server = server
        self._secrets = given()

    def log_artifact(self, local_file: Any, artifact_path: str | None = None) -> None:
        """Send one file."""
        self._server.check()
        file = Path(local_file)
        if (data := self._changed(file)) is None:
            super().log_artifact(local_file, artifact_path)
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / file.name
            copy.write_bytes(data)
            super().log_artifact(str(copy), artifact_path)

    def _changed(self, file: Path) -> bytes | None:
        """Return what is sent in place of a file; None: the file itself."""
        if file.name == _DESCRIPTION:
            return self._server.translated(file.read_text(encoding="utf-8")).encode()
        if not self._secrets or file.stat().st_size > MAX_TEXT:
            return None
        data = file.read_bytes()
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return None
        clean = self._secrets.text(text)
        return None if "\0" in text or clean == text else clean.encode()

    def list_artifacts(self, path: str | None = None) -> Any:
        """Return what is there."""
        self._server.check()
        return super().list_artifacts(path)

    def _download_file(self, *arguments: Any, **options: Any) -> None:
        self._server.check()
        super()._download_file(*arguments, **options)


def run_artifacts(artifact_uri: str, tracking_uri: str | None, registry_uri: str | None) -> Any:
    """Return the artifacts of a local run, which is made on the server first."""
    server = Server(_outbox(tracking_uri))
    local = spool.LOCAL_RUN.search(artifact_uri)
    base = f"{SCHEME}:/{local[0]}/artifacts" if local else artifact_uri
    place = server.run(local[0])["artifacts"] if local else artifact_uri
    return _artifacts(artifact_uri.replace(base, place, 1), server, registry_uri)


def server_artifacts(artifact_uri: str, tracking_uri: str | None, registry_uri: str | None) -> Any:
    """Return artifacts behind the server; outside of a task's outbox just MLflow's own."""
    uri = tracking_uri or get_tracking_uri()
    if not uri.startswith(f"{SCHEME}:"):
        return MlflowArtifactsRepository(
            artifact_uri, tracking_uri=tracking_uri, registry_uri=registry_uri
        )
    return TaskArtifacts(artifact_uri, Server(uri), registry_uri)


def _artifacts(uri: str, server: Server, registry_uri: str | None) -> Any:
    if uri.startswith("mlflow-artifacts:"):
        return TaskArtifacts(uri, server, registry_uri)
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(uri, tracking_uri=server.address, registry_uri=registry_uri)


def _outbox(tracking_uri: str | None) -> str:
    """Return the URI of the task's outbox; a repository may be asked for with the server's."""
    for uri in (tracking_uri, get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI")):
        if uri and uri.startswith(f"{SCHEME}:"):
            return uri
    return tracking_uri or ""
