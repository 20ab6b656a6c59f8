"""Where the tests of one process fork their kernels from, as all runs of a host do."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from galley.run.zygotes import Zygotes


@cache
def zygotes() -> Path:
    """Return the folder of the zygotes: starting a kernel takes ten times what a fork takes."""
    folder = Path(tempfile.mkdtemp(prefix="galley-zygotes-"))
    made = Zygotes(folder)
    made.own()

    def end() -> None:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return folder
