"""The wheel holds the built extension where JupyterLab and the service look for it."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
from galley_lab.develop import LAB_EXTENSION, PACKAGE, SERVER_CONFIG
from uv import find_uv_bin

ROOT = PACKAGE.parent.parent


@pytest.mark.integration
def test_it_holds_all_that_lies_beside_the_code(tmp_path: Path) -> None:
    uv = find_uv_bin()
    subprocess.run(
        [uv, "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(ROOT)], check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    data = next(name.split("/")[0] for name in names if ".data/" in name) + "/data"
    assert f"{data}/{LAB_EXTENSION}/static/style.js" in names
    assert f"{data}/{LAB_EXTENSION}/package.json" in names
    assert f"{data}/{LAB_EXTENSION}/install.json" in names
    assert f"{data}/{SERVER_CONFIG}" in names
    assert "galley_lab/standalone/index.html" in names
    assert any(name.startswith("galley_lab/standalone/galley.") for name in names)
    for name in ("jupyterhub_config.py", "tenants.yaml", "notebooks/train_and_score.ipynb"):
        assert f"galley_hub/default/{name}" in names
    assert not any("node_modules" in name or name.endswith(".tsx") for name in names)
    assert not any(name.startswith("galley_lab/labextension/") for name in names)
