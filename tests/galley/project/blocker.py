"""A folder that makes importing galley an error, for a process that is to do without."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = """\
import traceback
# papermill loads the engines that are installed beside it, whichever is used.
if not any("entrypoints" in frame.filename for frame in traceback.extract_stack()):
    raise ImportError("this is a project without Galley")
"""


def write_blocker(folder: Path) -> Path:
    """Make ``folder``, to be put first in the module path, and return it."""
    run = folder / "galley" / "run"
    run.mkdir(parents=True, exist_ok=True)
    (folder / "galley" / "__init__.py").write_text(_PACKAGE)
    (run / "__init__.py").write_text("")
    (run / "entry.py").write_text("Batch = Kernel = None\n")
    # jsonschema compiles this grammar at import, two seconds of CPU, only to check IRIs.
    (folder / "rfc3987_syntax.py").write_text("raise ImportError\n")
    return folder
