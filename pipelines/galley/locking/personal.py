"""The environments that a person makes, at a terminal or in a server of their own.

They lie in the person's cache folder, come from where the person's own uv takes distributions from,
and are made in the person's own sandbox: nobody else runs what is installed there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from galley.domain.packages import Packages, personal_cache
from galley.errors import InvalidInput
from galley.locking.environments import Environment, Environments
from galley.locking.lock import read_lock
from galley.locking.uv import Uv


def personal_environment(
    text: str, environment: Mapping[str, str], *, making: Callable[[], None] = lambda: None
) -> Environment:
    """Return the environment that a ``requirements.lock`` names; make it where it is not there.

    Args:
        environment: of this process.
        making: called before it is made, which takes seconds to minutes.

    Raises:
        InvalidInput: it is no lock of Galley's, or it is for another Python or machine, or what it
            names cannot be had.
        Unavailable: the index, uv or the disk cannot be used.
    """
    lock = read_lock(text)
    if lock is None:
        raise InvalidInput(
            "this names requirements, no lock: take the requirements.lock of an exported version, "
            "or of what `galley build` or `galley debug` wrote."
        )
    folder = personal_cache(environment)
    uv = Uv(folder / "uv", Packages(), environment, configured=True)
    return Environments(folder / "made", uv).get(lock, making=making)
