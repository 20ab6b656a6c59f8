"""``python -m galley.sandbox SPEC``: the runner of one sandbox."""

from __future__ import annotations

import sys
from pathlib import Path

from galley.sandbox.runner import main

if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
