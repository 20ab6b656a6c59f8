"""The MLflow server: how it is started, and why nobody but the service can reach it.

It listens on one unix socket and on no port. uvicorn makes that socket world-writable, so the
*folder* is the lock: :func:`mlflow_command` makes ``settings.mlflow_state`` with mode 0700, owned
by the platform's account, which tenants' processes are not. MLflow itself asks for no credential.
"""

from __future__ import annotations

import shlex
import sys

from galley.domain.settings import Settings
from galley.errors import GalleyError

ALLOWED_HOST = "localhost"
"""The ``Host`` header that the proxy sends; MLflow refuses every other one."""

MAX_SOCKET_PATH = 107
"""What ``sockaddr_un`` holds on Linux, bytes, without its final zero."""


MODEL_SOURCES = r"^(?:mlflow-artifacts:/(?!/)|runs:/(?!/)|models:/(?!/)|dummy-source$)"
"""Where a registered model may come from: never an address that the server would have to call.

``dummy-source`` is what MLflow's client sends for a prompt, which has no files.
"""


def mlflow_command(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """Return the argument list of the MLflow server and the variables to add to its environment.

    Makes the folder of the database, the artifacts and the socket, mode 0700.

    Raises:
        GalleyError: the socket's path is longer than the system allows.
    """
    socket = str(settings.mlflow_socket)
    if len(socket.encode()) > MAX_SOCKET_PATH:
        raise GalleyError(
            f"the path of MLflow's socket is {len(socket.encode())} bytes long, at most "
            f"{MAX_SOCKET_PATH} are possible: {socket}. Choose a shorter GALLEY_HOME."
        )
    settings.mlflow_state.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.mlflow_state.chmod(0o700)
    artifacts = settings.mlflow_state / "artifacts"
    artifacts.mkdir(mode=0o700, exist_ok=True)
    argv = [
        sys.executable,
        *("-m", "mlflow", "server"),
        *("--backend-store-uri", f"sqlite:///{settings.mlflow_state / 'mlflow.db'}"),
        "--serve-artifacts",
        *("--artifacts-destination", artifacts.as_uri()),
        *("--default-artifact-root", "mlflow-artifacts:/"),
        "--enable-workspaces",
        *("--allowed-hosts", ALLOWED_HOST),
        *("--workers", "1"),
        *("--uvicorn-opts", f"--uds {shlex.quote(socket)} --no-access-log"),
    ]
    return argv, _environment()


def _environment() -> dict[str, str]:
    return {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ENABLE_AI_GATEWAY": "false",
        "MLFLOW_ENABLE_WORKSPACES": "true",
        "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": MODEL_SOURCES,
    }
