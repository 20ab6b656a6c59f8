"""JupyterHub's configuration file: everything follows from the settings of this deployment."""

import os
from pathlib import Path

from galley.domain.settings import Settings
from galley_hub import configure

configure(
    get_config(),  # noqa: F821 (given by JupyterHub)
    Settings.model_validate_json(Path(os.environ["GALLEY_SETTINGS"]).read_text()),
)
