"""Tokens between the processes, and passwords for members who have none yet."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from galley_hub.passwords import Passwords

from galley.domain.settings import Settings
from galley.domain.tenants import Tenants
from galley.errors import Unavailable
from galley.supervisor.database import holds_secrets
from galley.supervisor.home import write_private
from galley.supervisor.refusal import Refusal
from galley.supervisor.report import account_lines
from galley.vault import make_keys
from galley.vault.keys import read_keys

TOKENS = ("service-token", "mlflow-token", "proxy-token", "cookie-secret")
_HEADER = """\
# Passwords of the accounts that `galley up` made. Elsewhere they are stored as scrypt hashes only.
# Delete this file when you have read it. `galley user reset NAME` makes a new password.
"""


def make_tokens(settings: Settings) -> None:
    """Write the tokens that are missing, each to a file of its own (0600)."""
    for name in TOKENS:
        path = settings.secrets / name
        if not path.exists():
            write_private(path, secrets.token_hex(32))


def make_secret_keys(settings: Settings) -> str | None:
    """Make the key that seals secrets where nothing is sealed yet; return what is wrong, if so.

    A missing file is not replaced while the database holds secrets: a new key opens none of them.
    """
    path = settings.secret_keys
    try:
        if not path.exists() and not _holds_secrets(settings):
            make_keys(path)
        read_keys(path)
    except Unavailable as error:
        return error.detail
    except OSError as error:
        raise Refusal(f"the file of keys {path} cannot be written: {error.strerror}.") from error
    return None


def _holds_secrets(settings: Settings) -> bool:
    if settings.database_url is not None:
        return holds_secrets(settings.database_url)
    database = settings.service_state / "galley.db"
    if not database.exists():
        return False
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            return connection.execute("SELECT 1 FROM secrets LIMIT 1").fetchone() is not None
        except sqlite3.OperationalError:  # made by a release that had no secrets
            return False


def make_accounts(settings: Settings, tenants: Tenants, file: Path) -> dict[str, str]:
    """Give each member who has no password a generated one; return user → new password.

    New passwords are added to ``file`` (mode 0600), below those that it may still hold.
    """
    passwords = Passwords(settings.hub_state / "passwords.json")
    known = set(passwords.users())
    members = {user for tenant in tenants.tenants.values() for user in tenant.members}
    new = {user: passwords.generate() for user in sorted(members - known)}
    for user, password in new.items():
        passwords.set(user, password)
    if new:
        kept = file.read_text(encoding="utf-8") if file.exists() else _HEADER
        write_private(file, kept + "".join(f"{line}\n" for line in account_lines(new, tenants)))
    return new
