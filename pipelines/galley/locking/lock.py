"""A lock and its text, which is also a requirements file that pip and uv can install."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import sysconfig

from galley.domain.model import Model
from galley.errors import InvalidInput

FORMAT = 1
LOCKED = "# Locked by Galley"
_HEAD = re.compile(
    r"# Locked by Galley, format (?P<format>\d+): Python (?P<python>\d+\.\d+), "
    r"(?P<platform>\S+), (?P<kind>own|platform) environment"
)
_PACKAGE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


class LockedPackage(Model):
    """One distribution; without hashes where it was taken from an installed environment."""

    name: str
    version: str
    hashes: tuple[str, ...] = ()


class Lock(Model):
    """The distributions of an environment, all of them, by name.

    Attributes:
        python: such as ``3.11``.
        platform: such as ``linux-x86_64``.
        of_platform: it names what the platform's own environment has, and needs no other one as
            long as that stays so.
    """

    python: str
    platform: str
    of_platform: bool
    packages: tuple[LockedPackage, ...]

    def version_of(self, name: str) -> str | None:
        """Return the version of a distribution; None where it is not there."""
        wanted = canonical(name)
        return next((one.version for one in self.packages if one.name == wanted), None)


def canonical(name: str) -> str:
    """Return a distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def this_python() -> str:
    """Return the version of Python that runs here, such as ``3.11``."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def this_platform() -> str:
    """Return the platform that wheels must be for, such as ``linux-x86_64``."""
    return sysconfig.get_platform()


def lock_digest(lock: Lock) -> str:
    """Return the SHA-256 (hex) of what a lock installs, however its text is laid out."""
    content = {
        "python": lock.python,
        "platform": lock.platform,
        "packages": [
            [one.name, one.version, sorted(one.hashes)]
            for one in sorted(lock.packages, key=lambda one: one.name)
        ],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def lock_text(lock: Lock) -> str:
    """Return the content of ``requirements.lock``; the same lock gives the same text."""
    kind = "platform" if lock.of_platform else "own"
    head = [
        f"{LOCKED}, format {FORMAT}: Python {lock.python}, {lock.platform}, {kind} environment",
        "# All that the notebook needs, at exact versions.  pip install -r requirements.lock",
    ]
    if lock.of_platform:
        head.append("# The platform's own environment has all of it; hashes of files are unknown.")
    lines = [_line(one) for one in sorted(lock.packages, key=lambda one: one.name)]
    return "\n".join((*head, *lines)) + "\n"


def _line(one: LockedPackage) -> str:
    return " \\\n    ".join(
        (f"{one.name}=={one.version}", *(f"--hash={value}" for value in sorted(one.hashes)))
    )


def read_lock(text: str) -> Lock | None:
    """Return the lock in a ``requirements.lock``; None where the file only says what is wanted.

    Raises:
        InvalidInput: it is of a later format, or damaged.
    """
    lines = text.splitlines()
    head = _HEAD.fullmatch(lines[0]) if lines else None
    if head is None:
        return None
    if int(head["format"]) > FORMAT:
        raise InvalidInput(
            f"requirements.lock has format {head['format']}; this release reads up to {FORMAT}. "
            "Use the release that published it, or a later one."
        )
    return Lock(
        python=head["python"],
        platform=head["platform"],
        of_platform=head["kind"] == "platform",
        packages=read_packages(text),
    )


def read_packages(text: str) -> tuple[LockedPackage, ...]:
    """Return the distributions of a requirements file in which each version is exact.

    Raises:
        InvalidInput: a line is something else.
    """
    packages = []
    for line in map(str.strip, text.replace("\\\n", " ").splitlines()):
        if not line or line.startswith("#"):
            continue
        found = _PACKAGE.match(line)
        if found is None:
            raise InvalidInput(f"requirements.lock: {line[:80]!r} is not NAME==VERSION")
        hashes = tuple(_HASH.findall(line))
        packages.append(
            LockedPackage(name=canonical(found["name"]), version=found["version"], hashes=hashes)
        )
    return tuple(sorted(packages, key=lambda one: one.name))
