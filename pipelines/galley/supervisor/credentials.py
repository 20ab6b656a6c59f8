"""Tokens between the processes, and passwords for members who have none yet."""

from __future__ import annotations

import secrets
from pathlib import Path

from galley_hub.passwords import Passwords

from galley.domain.settings import Settings
from galley.domain.tenants import Tenants
from galley.supervisor.home import write_private
from galley.supervisor.report import account_lines

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
