"""Secrets: values that a notebook refers to by name and that nobody can read back.

Glossary
    tenant's secret   set by an operator of the tenant; resolved in runs of approved versions
    personal value    of one person in one tenant, under the same name; resolved in the rehearsals
                      of what they publish, and in their own JupyterLab
    reference         where a notebook names a secret: a call, or a variable of its metadata
"""

from __future__ import annotations

import re

from pydantic import Field

from galley.domain.model import Instant, Model
from galley.errors import InvalidInput
from galley.inside.outbox.forms import MIN_VALUE

MAX_VALUE = 64 * 2**10
"""Largest value, bytes as UTF-8."""
MAX_NAME = 63
_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9_.-]{{0,{MAX_NAME - 1}}}")


def is_secret_name(name: str) -> bool:
    """Return whether a secret may be called so."""
    return _NAME.fullmatch(name) is not None


def check_secret_name(name: str, *, field: str = "name") -> str:
    """Return the name.

    Raises:
        InvalidInput: a secret cannot be called so.
    """
    if not is_secret_name(name):
        raise InvalidInput(
            f"{name[: MAX_NAME + 1]!r} cannot be the name of a secret: use 1 to {MAX_NAME} of a-z, "
            "A-Z, 0-9, '_', '-', '.', a letter first, such as 'warehouse-password'.",
            field=field,
        )
    return name


def check_secret_value(value: str) -> str:
    """Return the value; no message ever holds it.

    Raises:
        InvalidInput: it is too short to be kept out of outputs, too long, or no text.
    """
    if len(value.strip()) < MIN_VALUE:
        raise InvalidInput(
            f"the value has fewer than {MIN_VALUE} characters: so short a value cannot be told "
            "from other text, so it could not be kept out of outputs and logs.",
            field="value",
        )
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidInput("the value is not text that UTF-8 can hold.", field="value") from None
    if size > MAX_VALUE:
        raise InvalidInput(
            f"the value has {size} bytes; a secret has at most {MAX_VALUE}. Keep a file of that "
            "size in a dataset and the key to it as a secret.",
            field="value",
        )
    if "\0" in value:
        raise InvalidInput(
            "the value holds a NUL character, which no environment variable can.", field="value"
        )
    return value


class SecretReference(Model):
    """Where a notebook, or a module that it imports, names a secret.

    Attributes:
        variable: the environment variable that shall hold the value; None: a call asks for it.
        cell, line: of the call in the notebook; None where a module or the metadata names it.
    """

    name: str
    variable: str | None = None
    cell: int | None = None
    line: int | None = None


class SecretRequest(Model):
    """Set a secret, or replace its value.

    Attributes:
        description: None leaves what is there.
    """

    value: str = Field(repr=False)
    description: str | None = Field(default=None, max_length=1000)


class SecretInfo(Model):
    """What can be known of a secret: everything but its value.

    Attributes:
        personal: it is the caller's own value, not the tenant's.
        last_used_by: the run that it was last given to, as ``PIPELINE v3``, or ``JupyterLab``.
    """

    name: str
    personal: bool
    description: str
    set_by: str
    set_at: Instant
    last_used_at: Instant | None = None
    last_used_by: str | None = None


class SecretValue(Model):
    """A personal value on its way into its owner's JupyterLab."""

    value: str = Field(repr=False)
