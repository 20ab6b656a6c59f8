"""``python -m galley.run JOB.json``: one attempt in one process.

``python -m galley.run -`` is the :class:`galley.forks.server.ForkServer` of a host, with its
control on standard input. Each process that it forks reads three lines: the job's path, where
distributions come from, and the attempt's secrets. The connection stays open; when it ends, the
host is gone, and the attempt ends with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

# jsonschema compiles a grammar, only to check IRIs, and papermill imports each engine there is, one
# of which wants to plot: three seconds of CPU.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
sys.modules["matplotlib.pyplot"] = None  # type: ignore[assignment]
os.environ["PLOOMBER_STATS_ENABLED"] = "false"
os.environ["PLOOMBER_VERSION_CHECK_DISABLED"] = "1"


OnCancel = Callable[[Callable[[], None]], None]
"""Is given the function that cancels the attempt."""


def main(
    arguments: list[str],
    execute: Callable[[Path, Mapping[str, str], OnCancel], object],
    *,
    on_cluster: bool,
) -> int:
    """Run the job; the outcome is in the journal, the exit code only says that one is there.

    Args:
        on_cluster: whether tasks are executed on a cluster, so that Dask had better be ready.
    """
    from galley.run.processes import hide_from_own_uid

    if len(arguments) != 1:
        sys.stderr.write("usage: python -m galley.run JOB.json | -\n")
        return 2
    hide_from_own_uid()
    if arguments[0] == "-":
        if on_cluster:
            import galley.run.dask  # noqa: F401
        _serve(execute)
    else:
        execute(Path(arguments[0]), os.environ, _cancel_by_signal)
    return 0


def _serve(execute: Callable[[Path, Mapping[str, str], OnCancel], object]) -> None:
    from galley.forks import serve_forks

    def attend(connection: socket.socket) -> int:
        given = connection.makefile()

        def on_cancel(cancel: Callable[[], None]) -> None:
            _cancel_by_signal(cancel)
            threading.Thread(target=_end_with_host, args=(given, cancel), daemon=True).start()

        try:
            path, packages, secrets = (given.readline().strip() for _ in range(3))
        except OSError:
            return 0
        if not path:  # it is not wanted any more
            return 0
        handed = {"GALLEY_PACKAGES": packages, "GALLEY_SECRETS_HANDED": secrets}
        execute(Path(path), {**os.environ, **handed}, on_cancel)
        return 0

    serve_forks(attend, warmed_up)


def _cancel_by_signal(cancel: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: cancel())


def _end_with_host(connection: TextIO, cancel: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):  # it ends like this where the host left something unread
        connection.read()
    cancel()


def warmed_up() -> None:
    """Have ready what takes time the first time."""
    from galley.run.warm import warm_up

    try:
        warm_up()
    except Exception as error:  # whatever it is, a job may do well without
        sys.stderr.write(f"runners could not be warmed up: {error!r}\n")


if __name__ == "__main__":
    from galley.run.execute import execute_job

    sys.exit(main(sys.argv[1:], execute_job, on_cluster=True))
