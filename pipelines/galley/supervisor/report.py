"""What `galley up` prints: progress while it starts, then the address, accounts and isolation."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from galley.domain.settings import Settings
from galley.domain.tenants import Tenants

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
QUIET_S = 10
"""Without a terminal, what is waited for is said once in this many seconds."""


class Report:
    """Prints lines; on a terminal the last one shows what is being waited for."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._shown = False
        self._frame = 0
        self._said_at = 0.0

    def line(self, text: str = "") -> None:
        """Print one line."""
        self._clear()
        self._write(f"{text}\n")

    def waiting(self, names: Iterable[str], elapsed_s: float) -> None:
        """Show what is being waited for."""
        text = f"waiting for {', '.join(names)} … {elapsed_s:.0f} s"
        if self._terminal:
            self._frame += 1
            self._clear()
            self._write(f"  {SPINNER[self._frame % len(SPINNER)]} {text}")
            self._shown = True
        elif elapsed_s - self._said_at >= QUIET_S:
            self._said_at = elapsed_s
            self.line(f"  {text}")

    def ready(self, settings: Settings, elapsed_s: float) -> None:
        """Say where the platform is."""
        self.line()
        self.line(f"Galley is ready at {settings.public_url}  (after {elapsed_s:.0f} s)")

    def accounts(self, passwords: Mapping[str, str], tenants: Tenants, file: Path) -> None:
        """Show passwords that were just made."""
        if not passwords:
            return
        self.line()
        self.line(f"  New accounts (shown once; kept in {file}, mode 0600)")
        for line in account_lines(passwords, tenants):
            self.line(f"    {line}")

    def isolation(self, settings: Settings, left_out: Iterable[str]) -> None:
        """Say what is isolated, which tenants are left out and what enables them."""
        self.line()
        if settings.isolation == "full":
            self.line("  Isolation: every server, run and rehearsal has a sandbox of its own.")
        else:
            self.line(f"  No isolation: {settings.isolation_reason}")
        if names := ", ".join(left_out):
            self.line(f"  Left out, because they require isolation: {names}")
        self.line(f"  State: {settings.home}   Logs: {settings.logs}")
        self.line("  Ctrl-C stops everything.")

    def _clear(self) -> None:
        if self._shown:
            self._write("\r\033[K")
            self._shown = False

    def _write(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError:  # whoever read this is gone; the platform is to be ended in order
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)


def account_lines(passwords: Mapping[str, str], tenants: Tenants) -> list[str]:
    """Return "user  password  tenant (roles), …" for each user, in columns."""
    width = max(map(len, passwords), default=0)
    return [
        f"{user:<{width}}  {password}  "
        + ", ".join(
            f"{name} ({', '.join(tenant.members[user])})"
            for name, tenant in tenants.of(user).items()
        )
        for user, password in passwords.items()
    ]
