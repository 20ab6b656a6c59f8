"""The uv program: found, started without a shell, ended when nobody waits for it any more.

The address of the index, which may hold a password, goes to it on its standard input: command
line and environment of a process can be read by others of the same identity.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from galley.domain.packages import Packages
from galley.errors import GalleyError, InvalidInput, Unavailable

INTERVAL_S = 0.2
_INHERITED = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("GALLEY_ATTEMPT", "UV_OFFLINE", "UV_HTTP_RETRIES", "UV_HTTP_TIMEOUT"),
)


class Unresolvable(InvalidInput):
    """What is wanted cannot be had; the message names the requirement and the reason."""


class Stopped(GalleyError):
    """The work was ended from outside before it was done."""


class Answer(NamedTuple):
    """How uv ended, and what it wrote."""

    returncode: int
    output: str
    complaint: str


class Uv:
    """uv with a cache and an index.

    Args:
        cache: folder of its downloads; it belongs to one identity alone.
        packages: where distributions come from.
        environment: of this process; a few variables of it reach uv.
        stop: asked every 0.2 s; uv is killed when it says so.
        configured: whether uv's own configuration counts, files and variables: that of a person
            at a terminal. On the platform they would let one notebook decide for the next.
    """

    def __init__(
        self,
        cache: Path,
        packages: Packages,
        environment: Mapping[str, str],
        stop: Callable[[], bool] = lambda: False,
        *,
        configured: bool = False,
    ) -> None:
        self.cache = cache
        self.packages = packages
        self.stop = stop
        theirs = {name: value for name, value in environment.items() if name.startswith("UV_")}
        self.environment = {
            **(theirs if configured else {"UV_NO_CONFIG": "true"}),
            **{name: environment[name] for name in _INHERITED if name in environment},
            "UV_CACHE_DIR": str(cache),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_LINK_MODE": "copy",  # A file that a notebook changes must not change in the cache.
            "UV_SYSTEM_CERTS": "true",
            "UV_NATIVE_TLS": "true",  # The same, for releases before UV_SYSTEM_CERTS.
            "NO_COLOR": "1",
        }

    def sources(self) -> list[str]:
        """Return the lines of a requirements file that say where distributions come from."""
        given = self.packages
        lines = ["--no-index"] if given.offline else []
        if given.index is not None and not given.offline:
            lines.append(f"--index-url {given.index}")
        return [*lines, *(f"--find-links {place}" for place in given.find_links)]

    def run(self, arguments: Sequence[str], given: str = "") -> Answer:
        """Run uv to its end.

        Args:
            given: its standard input.

        Raises:
            Stopped: ``stop`` said so.
            Unavailable: uv is not there.
        """
        program = find_uv()
        if program is None:
            raise Unavailable(
                "uv is missing on the platform, so that no environment can be made: install it "
                "beside Galley (pip install uv)"
            )
        with tempfile.TemporaryDirectory(prefix="galley-uv-") as empty:
            # A folder of its own: uv reads the configuration of the project that it stands in.
            process = subprocess.Popen(
                [str(program), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=empty,
                env=self.environment,
                text=True,
            )
            return self._attend(process, given)

    def _attend(self, process: subprocess.Popen[str], given: str) -> Answer:
        rest: str | None = given
        try:
            while True:
                try:
                    output, complaint = process.communicate(rest, timeout=INTERVAL_S)
                except subprocess.TimeoutExpired:
                    rest = None
                    if self.stop():
                        raise Stopped("making the environment was stopped") from None
                else:
                    return Answer(process.returncode, output, complaint)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def find_uv() -> Path | None:
    """Return the uv program: beside this Python, where its wheel puts it, else on the path."""
    for prefix in (sys.prefix, sys.base_prefix):
        candidate = Path(prefix) / "bin" / "uv"
        if os.access(candidate, os.X_OK):
            return candidate
    found = shutil.which("uv")
    return Path(found) if found else None
