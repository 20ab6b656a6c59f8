"""The environment variables of a single-user server."""

from __future__ import annotations

from collections.abc import Mapping

from galley.domain.settings import Settings

from galley_hub import files

DROPPED = frozenset({"PATH", "HOME", "USER", "SHELL", "LANG", "CPU_LIMIT", "MEM_LIMIT"})
"""Variables of the hub's own environment that the sandbox decides."""


def environment(
    hub: Mapping[str, str], settings: Settings, tenant: str, profile: str
) -> dict[str, str]:
    """Return what a server gets on top of the sandbox's own environment.

    Args:
        hub: what JupyterHub wants it to have, the server's token among it.
    """
    platform = f"http://127.0.0.1:{settings.port}"
    kept = {key: value for key, value in hub.items() if key not in DROPPED}
    wanted = {
        **kept,
        "GALLEY_TENANT": tenant,
        "GALLEY_PROFILE": profile,
        "GALLEY_URL": f"{platform}/services/galley",
        "JUPYTER_CONFIG_PATH": str(files.lab_config()),
        "MLFLOW_TRACKING_URI": f"{platform}/services/mlflow/{tenant}",
        "MLFLOW_TRACKING_TOKEN": hub["JUPYTERHUB_API_TOKEN"],
    }
    if (examples := files.examples()) is not None:
        wanted["GALLEY_EXAMPLES"] = str(examples)
    if settings.isolation == "full":
        wanted["JUPYTER_RUNTIME_DIR"] = "/tmp/jupyter"  # noqa: S108 (the sandbox's own)
    return wanted
