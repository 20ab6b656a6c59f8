"""Tokens between the processes, and passwords for members who have none yet."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from galley_hub.passwords import Passwords

from galley.domain.settings import Settings
from galley.domain.tenants import Tenants
from galley.supervisor.home import write_private

TOKENS = ("service-token", "mlflow-token", "proxy-token", "cookie-secret")
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_HEADER = """\
# Passwords of the accounts that `galley up` made. They are stored nowhere else, only as scrypt hashes.
# Delete this file when you have read it. `galley user reset NAME` makes a new password.
"""


def make_tokens(settings: Settings) -> None:
    """Write the tokens that are missing, each to a file of its own (0600)."""
    for name in TOKENS:
        path = settings.secrets / name
        if not path.exists():
            write_private(path, secrets.token_hex(32))


def new_password() -> str:
    """Return a password that is easy to type: 60 bits, no letters that look alike."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))
