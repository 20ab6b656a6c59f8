"""Hearing of other processes' commits. It only wakes: whoever is woken looks for itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from galley.store.connect import Database

CHECK_S = 0.5
"""How often the thread looks whether it is to end, seconds."""

PAUSE_S = 1.0
"""Rest before a lost connection is made again, seconds."""

_log = logging.getLogger(__name__)


class Notices:
    """A thread that calls ``heard`` after commits of other processes, where the database tells.

    Args:
        name: this process's own, whose commits are left out.
    """

    def __init__(self, database: Database, name: str, heard: Callable[[], None]) -> None:
        self._database = database
        self._name = name
        self._heard = heard
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if database.tells:
            self._thread = threading.Thread(
                target=self._run, name="galley-store-notices", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                for sender in self._database.notices(CHECK_S, self._ended.is_set):
                    if sender != self._name:
                        self._heard()
            except Exception:  # whatever the reason: those that wait look now and then
                _log.warning(
                    "Commits of other processes are not heard; trying again", exc_info=True
                )
                self._ended.wait(PAUSE_S)
