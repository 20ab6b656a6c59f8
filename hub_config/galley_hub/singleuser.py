"""What runs inside a server's sandbox: the home folder is made pleasant, then JupyterLab starts.

Run as ``python -m galley_hub.singleuser``. It runs as the user, so that nothing in a home
folder can make the platform write elsewhere.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

MARKER = Path(".local/share/galley/examples-copied")


def main() -> None:
    """Prepare the home folder and become the single-user server."""
    # Compiling the grammar of this optional IRI checker takes seconds of each start.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    prepare_home(Path.home(), os.environ.get("GALLEY_EXAMPLES"), os.environ["GALLEY_DATASETS"])

    from jupyterhub.singleuser import main as serve

    serve()


def prepare_home(home: Path, examples: str | None, datasets: str) -> None:
    """Copy the example notebooks once, and show the datasets in the file browser."""
    marker = home / MARKER
    if examples is not None and not marker.exists():
        target = home / "examples"
        if not target.exists():
            shutil.copytree(examples, target, ignore=_not_for_people)
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    link = home / "datasets"
    if not os.path.lexists(link):
        link.symlink_to(datasets)


def _not_for_people(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name.startswith((".", "__")) or name.endswith(".py")}


if __name__ == "__main__":
    main()
