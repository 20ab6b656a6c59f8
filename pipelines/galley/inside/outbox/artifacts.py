"""Artifacts as a task sees them: sent and fetched at once, at the server's addresses.

A model's description (``MLmodel``) names its run: it is sent with the id that the server knows.
Texts are sent without the values of secrets; any other file that holds one is refused, because it
cannot be taken out of it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository
from mlflow.tracking import get_tracking_uri

from . import SCHEME, spool
from .cleaning import Cleaning
from .redact import given
from .server import Server

MAX_TEXT = 64 * 2**20
"""Bytes above which a text is no longer changed: then it is refused, as other files are."""
_DESCRIPTION = "MLmodel"
_TRACE = "traces.json"
_JSON = frozenset({".json", ".ipynb"})
_ITS_OWN = frozenset(
    {
        *(_DESCRIPTION, _TRACE, "requirements.txt", "conda.yaml", "python_env.yaml"),
        *("input_example.json", "serving_input_example.json"),
    }
)
"""Names that MLflow gives to files, whatever somebody's secret is."""


class TaskArtifacts(MlflowArtifactsRepository):  # type: ignore[misc]
    """MLflow's artifacts behind its server.

    Args:
        server: the task's way to it.
    """

    def __init__(self, uri: str, server: Server, registry_uri: str | None) -> None:
        super().__init__(uri, tracking_uri=server.address, registry_uri=registry_uri)
        self._server = server
        self._cleaning = Cleaning(given())

    def log_artifact(self, local_file: Any, artifact_path: str | None = None) -> None:
        """Send one file.

        Raises:
            MlflowException: it holds the value of a secret, or no answer came.
        """
        self._server.check()
        file = Path(local_file)
        name = "" if file.name in _ITS_OWN else file.name
        if self._cleaning.holds(f"{artifact_path or ''}/{name}".encode()):
            raise _leaks(file)
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
            described = self._server.translated(file.read_text(encoding="utf-8"))
            return self._cleaning.description(described).encode()
        if not self._cleaning.secrets:
            return None
        text = _text(file)
        if text is None:
            if self._cleaning.file_holds(file):
                raise _leaks(file)
            return None
        of_json = file.name == _TRACE or file.suffix in _JSON
        clean = self._cleaning.deep(text) if of_json else self._cleaning.secrets.text(text)
        return None if clean == text else clean.encode()

    def list_artifacts(self, path: str | None = None) -> Any:
        """Return what is there."""
        self._server.check()
        return super().list_artifacts(path)

    def _download_file(self, *arguments: Any, **options: Any) -> None:
        self._server.check()
        super()._download_file(*arguments, **options)


def _text(file: Path) -> str | None:
    """Return the text that a file is; None: it is none, or more than is changed."""
    if file.stat().st_size > MAX_TEXT:
        return None
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _leaks(file: Path) -> MlflowException:
    return MlflowException(
        f"the artifact {given().text(file.name)!r} is not logged: it holds the value of a secret, "
        "which must not lie in a file; ask for the secret in the task that uses it",
        INVALID_PARAMETER_VALUE,
    )


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
