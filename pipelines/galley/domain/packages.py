"""Where the distributions of locked environments come from, and which of them are allowed."""

from __future__ import annotations

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
