"""Where the distributions of locked environments come from, and which of them are allowed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from galley.domain.model import Model


class Packages(Model):
    """A tenant's package index and its rules."""

    index: str | None = Field(
        default=None,
        repr=False,
        description="URL of the package index; it may hold a name and a password, which never "
        "reach a notebook. Default: PyPI.",
    )
    find_links: tuple[str, ...] = Field(
        default=(),
        description="Folders of this machine, or pages, with further wheels; a relative folder "
        "lies in GALLEY_HOME.",
    )
    offline: bool = Field(
        default=False, description="Ask no index: only what find_links holds can be had."
    )
    wheels_only: bool = Field(
        default=True,
        description="Refuse what would have to be built from source, which runs its code.",
    )


def personal_cache(environment: Mapping[str, str]) -> Path:
    """Return where a person's own downloads and environments lie: in their cache folder.

    ``made/DIGEST`` is the environment of a lock with that digest.
    """
    home = environment.get("HOME") or str(Path.home())
    return Path(environment.get("XDG_CACHE_HOME") or f"{home}/.cache") / "galley"
