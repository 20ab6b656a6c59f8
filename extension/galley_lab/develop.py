"""``python -m galley_lab.develop``: make this checkout's extension the one that JupyterLab loads.

Links the built lab extension and the server configuration into ``sys.prefix``, so that a rebuilt
extension is seen at the next reload. Running it again changes nothing.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
LAB_EXTENSION = Path("share/jupyter/labextensions/galley-lab")
SERVER_CONFIG = Path("etc/jupyter/jupyter_server_config.d/galley_lab.json")


class NotBuilt(Exception):
    """The extension's front end was not built yet."""


def link(source: Path, target: Path) -> bool:
    """Make ``target`` a link to ``source`` and return whether anything changed."""
    if target.is_symlink() and target.readlink() == source:
        return False
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source)
    return True


def develop(prefix: Path, package: Path = PACKAGE) -> list[Path]:
    """Link extension and server configuration into ``prefix``; return the links that changed.

    Raises:
        NotBuilt: the front end is not built, or this is not an editable install.
    """
    extension = package / "labextension"
    config = package.parent / "jupyter-config" / "galley_lab.json"
    if not config.is_file():
        raise NotBuilt(
            f"{package} is not part of a source checkout: an installed wheel needs no linking"
        )
    if not (extension / "package.json").is_file():
        raise NotBuilt(
            f"{extension} is not built: run 'python extension/jlpm.py install' and "
            "'python extension/jlpm.py build'"
        )
    links = {prefix / LAB_EXTENSION: extension, prefix / SERVER_CONFIG: config}
    return [target for target, source in links.items() if link(source, target)]


def main() -> int:
    """Link into the running environment and say what was done."""
    try:
        changed = develop(Path(sys.prefix))
    except NotBuilt as error:
        print(f"galley_lab: {error}", file=sys.stderr)  # noqa: T201
        return 1
    for target in changed:
        print(f"linked {target}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
