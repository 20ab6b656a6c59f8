"""Build hook of the wheel: builds the extension and places what others look for.

JupyterLab finds the extension and the server's configuration as shared data; the hub's default
configuration, the example tenants and the example notebooks lie inside ``galley_hub``.

An editable install builds and places nothing; ``python -m galley_lab.develop`` links the built
extension instead, so that a rebuilt one is seen at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatch_jupyter_builder import npm_builder
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = ("labextension/static/style.js", "standalone/index.html")
"""Files, under ``extension/galley_lab``, that a complete build leaves."""

PACKAGED = {
    "hub_config/jupyterhub_config.py": "galley_hub/default/jupyterhub_config.py",
    "hub_config/tenants.yaml": "galley_hub/default/tenants.yaml",
    "notebooks": "galley_hub/default/notebooks",
}
"""Path in the checkout → place in the wheel."""


class ExtensionHook(BuildHookInterface[Any]):
    """Builds where artifacts are missing, then adds them to the wheel's shared data."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the extension for a standard wheel or a source distribution."""
        if version == "editable":
            return
        root = Path(self.root)
        extension = root / "extension"
        package = extension / "galley_lab"
        if not all((package / name).is_file() for name in BUILT):
            os.environ.setdefault("YARN_ENABLE_TELEMETRY", "0")
            npm_builder(
                self.target_name,
                version,
                path=str(extension),
                build_cmd="build",
                npm=[sys.executable, str(extension / "jlpm.py")],
            )
        if self.target_name == "wheel":
            lab = "share/jupyter/labextensions/galley-lab"
            config = "etc/jupyter/jupyter_server_config.d"
            build_data["shared_data"] = {
                str(package / "labextension"): lab,
                str(extension / "install.json"): f"{lab}/install.json",
                str(extension / "jupyter-config" / "galley_lab.json"): f"{config}/galley_lab.json",
            }
            build_data["force_include"].update(
                {str(root / source): place for source, place in PACKAGED.items()}
            )
