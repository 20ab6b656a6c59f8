"""The tenants file as the running service sees it: read again when it changes, never half."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock

import yaml
from pydantic import ValidationError

from galley.domain.tenants import Tenants
from galley.errors import GalleyError

_log = logging.getLogger(__name__)


class BadTenantsFile(GalleyError):
    """The tenants file cannot be used; the message names the key, the value and what is allowed."""


def read_tenants(path: Path) -> Tenants:
    """Return the tenants declared in ``path``.

    Raises:
        BadTenantsFile: it cannot be read, or a key or value in it is not allowed.
    """
    try:
        return Tenants.model_validate(yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError) as error:
        raise BadTenantsFile(f"tenants file {path}: {error}") from error
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in entry['loc'])}: {entry['msg']}"
            for entry in error.errors()
        ]
        raise BadTenantsFile(f"tenants file {path}: " + "; ".join(lines)) from error


class TenantsFile:
    """Call it for the tenants in force: those of the last good state of the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._seen = self._stamp()
        self._tenants = read_tenants(path)
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
            self._tenants = read_tenants(self._path)
        except BadTenantsFile as error:
            self.problem = str(error)
            _log.error("the tenants stay as they were: %s", error)
        else:
            self.problem = None
            _log.info("read the tenants again: %s", ", ".join(self._tenants.tenants))
