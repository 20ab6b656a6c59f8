"""``python -m galley.run JOB.json``: one attempt in one process.

``python -m galley.run -`` prepares everything first and then waits on standard input for the job's
path and, on two more lines, for where distributions come from and for the attempt's secrets: the
host keeps such a spare process for the next attempt. Its standard input stays open; when it ends,
the host is gone, and the attempt ends with it.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

# jsonschema compiles this grammar at import, two seconds of CPU, only to check IRIs.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
os.environ["PLOOMBER_STATS_ENABLED"] = "false"
os.environ["PLOOMBER_VERSION_CHECK_DISABLED"] = "1"


OnCancel = Callable[[Callable[[], None]], None]
"""Is given the function that cancels the attempt."""


def main(
    arguments: list[str], execute: Callable[[Path, Mapping[str, str], OnCancel], object]
) -> int:
    """Run the job; the outcome is in the journal, the exit code only says that one is there."""
    from galley.run.processes import hide_from_own_uid

    if len(arguments) != 1:
        sys.stderr.write("usage: python -m galley.run JOB.json | -\n")
        return 2
    hide_from_own_uid()
    path = arguments[0]
    environment = dict(os.environ)
    if path == "-":
        _prepare()
        path = sys.stdin.readline().strip()
        if not path:
            return 0
        environment["GALLEY_PACKAGES"] = sys.stdin.readline().strip()
        environment["GALLEY_SECRETS_HANDED"] = sys.stdin.readline().strip()

    def on_cancel(cancel: Callable[[], None]) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: cancel())
        if arguments[0] == "-":
            threading.Thread(target=_end_with_host, args=(cancel,), daemon=True).start()

    execute(Path(path), environment, on_cancel)
    return 0


def _prepare() -> None:
    """Have ready what takes time the first time, unless there is a job already."""
    import galley.run.dask  # noqa: F401
    from galley.run.warm import warm_up

    if select.select([sys.stdin], [], [], 0)[0]:
        return
    try:
        warm_up()
    except Exception as error:  # whatever it is, the job may do well without
        sys.stderr.write(f"a spare runner could not be warmed up: {error!r}\n")


def _end_with_host(cancel: Callable[[], None]) -> None:
    sys.stdin.read()
    cancel()


if __name__ == "__main__":
    from galley.run.runner import execute_job

    sys.exit(main(sys.argv[1:], execute_job))
