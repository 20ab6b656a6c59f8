"""``python -m galley.rehearsal JOB.json``: one rehearsal; with ``-`` as :mod:`galley.run`."""

from __future__ import annotations

import sys
from functools import partial

from galley.run.__main__ import main

if __name__ == "__main__":
    from galley.rehearsal.rehearse import attempt_of
    from galley.run.execute import execute_job

    rehearse = partial(execute_job, make=attempt_of)
    sys.exit(main(sys.argv[1:], rehearse, on_cluster=False))
