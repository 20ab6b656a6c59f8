"""The tenants file as the running service sees it: read again when it changes, never half."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock

from galley.domain.tenants import Tenants
from galley.domain.tenants_file import load
from galley.errors import InvalidInput

_log = logging.getLogger(__name__)


class TenantsFile:
    """Call it for the tenants in force: those of the last good state of the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._seen = self._stamp()
        self._tenants = load(path)
        self.problem: str | None = None

    def __call__(self) -> Tenants:
        """Return the tenants; a file that became bad changes nothing but :attr:`problem`."""
        with self._lock:
            stamp = self._stamp()
            if stamp != self._seen:
                self._seen = stamp
                self._reload()
            return self._tenants

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    def _reload(self) -> None:
        try:
            self._tenants = load(self._path)
        except InvalidInput as error:
            self.problem = str(error)
            _log.error("the tenants stay as they were: %s", error)
        else:
            self.problem = None
            _log.info("read the tenants again: %s", ", ".join(self._tenants.tenants))
