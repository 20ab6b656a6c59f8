"""From what is wanted to a lock: the platform's environment where it has it, else uv resolves."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

from galley.locking.complaints import complaint
from galley.locking.lock import Lock, canonical, read_packages, this_platform, this_python
from galley.locking.platform import ALWAYS, constraints, distributions, platform_lock
from galley.locking.uv import Uv


def lock_wanted(wanted: Iterable[Requirement], uv: Uv) -> Lock:
    """Return the lock of what is wanted; asks no index where the platform's environment has it.

    Raises:
        Unresolvable: naming what cannot be had, and why.
        Unavailable: the index or uv cannot be reached.
        Stopped: by ``uv.stop``.
    """
    wanted = tuple(wanted)
    return platform_lock(wanted) or resolve(wanted, uv)


def resolve(wanted: Iterable[Requirement], uv: Uv) -> Lock:
    """Have uv find the distributions, with hashes, of an environment of its own.

    Versions that the platform's environment has are preferred where nothing speaks against them,
    so that one changed requirement changes little else.

    Raises:
        Unresolvable, Unavailable, Stopped: as :func:`lock_wanted`.
    """
    wanted = tuple(wanted)
    fixed = constraints()
    lines = [*uv.sources(), *(str(one) for one in wanted), *ALWAYS]
    with tempfile.TemporaryDirectory(prefix="galley-resolve-") as folder:
        constraining, result = Path(folder) / "constraints.txt", Path(folder) / "lock.txt"
        constraining.write_text("\n".join(fixed) + "\n")
        # What stands in the output file already is what uv prefers.
        result.write_text("".join(f"{line}\n" for line in _preferred()))
        answer = uv.run(
            [*_compile(uv), "--constraints", str(constraining), "--output-file", str(result), "-"],
            "\n".join(lines) + "\n",
        )
        if answer.returncode != 0:
            raise complaint(
                answer.complaint, wanted, fixed, uv.packages, lambda name: _newest(name, uv)
            )
        packages = read_packages(result.read_text())
    return Lock(
        python=this_python(), platform=this_platform(), of_platform=False, packages=packages
    )


def _preferred() -> list[str]:
    return [f"{name}=={one.version}" for name, one in sorted(distributions().items())]


def _compile(uv: Uv) -> list[str]:
    return [
        *("pip", "compile", "--quiet", "--python", sys.executable, "--generate-hashes"),
        *("--no-header", "--no-annotate", "--strip-extras"),
        *(["--only-binary", ":all:"] if uv.packages.wheels_only else []),
    ]


def _newest(name: str, uv: Uv) -> str | None:
    """Return the newest version of a distribution that could be had here; None where none can."""
    answer = uv.run([*_compile(uv), "--no-deps", "-"], "\n".join((*uv.sources(), name)) + "\n")
    if answer.returncode != 0:
        return None
    found = [one for one in read_packages(answer.output) if one.name == canonical(name)]
    return found[0].version if found else None
