"""``python -m galley.rehearsal JOB.json | -``: one rehearsal in one process, as ``galley.run``."""

from __future__ import annotations

import sys

from galley.run.__main__ import main

if __name__ == "__main__":
    from galley.rehearsal.rehearse import execute_rehearsal

    sys.exit(main(sys.argv[1:], execute_rehearsal))
