"""The one function through which every name from a user or a notebook passes.

A slug is 1 to 48 characters of ``[a-z0-9-]``, starts with a letter and ends with a letter or a
digit. It is safe as a path segment, a URL segment, a DNS label, a JupyterHub group name and a
Python identifier once ``-`` is replaced by ``_``.
"""

from __future__ import annotations

import re
import unicodedata

from galley.errors import InvalidInput

MAX_LENGTH = 48
_SLUG = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")


def slugify(text: str, *, default: str = "notebook") -> str:
    """Return the slug nearest to ``text``; ``default`` where nothing of it can be kept."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")
    slug = re.sub(r"^[^a-z]+", "", slug)[:MAX_LENGTH].strip("-")
    return slug or default


def check_slug(value: str, *, field: str) -> str:
    """Return ``value`` if it is a slug.

    Raises:
        InvalidInput: naming the value, what is allowed and the nearest slug.
    """
    if len(value) <= MAX_LENGTH and _SLUG.fullmatch(value):
        return value
    raise InvalidInput(
        f"{value!r} is not a valid name: use 1 to {MAX_LENGTH} of a-z, 0-9 and '-', starting "
        f"with a letter and not ending with '-'. Nearest valid name: {slugify(value)!r}.",
        field=field,
        suggestion=slugify(value),
    )
