"""One deployment: everything that is made before the children start, and what is said of it."""

from __future__ import annotations

from pathlib import Path

from galley.domain import tenants_file
from galley.domain.settings import Settings
from galley.domain.tenants import Tenants
from galley.errors import InvalidInput
from galley.sandbox.capabilities import probe
from galley.supervisor import proxy
from galley.supervisor.child import ChildSpec
from galley.supervisor.credentials import make_accounts, make_secret_keys, make_tokens
from galley.supervisor.database import prepare_database
from galley.supervisor.home import HomeLock, make_folders, open_home
from galley.supervisor.options import Options
from galley.supervisor.plan import child_specs, make_settings
from galley.supervisor.refusal import Refusal
from galley.supervisor.report import Report


class Deployment:
    """A locked state directory with its settings, tenants and accounts.

    Attributes:
        foreground: pid of the process that people started.
    """

    def __init__(
        self, foreground: int, lock: HomeLock, settings: Settings, tenants: Tenants
    ) -> None:
        self.foreground = foreground
        self.settings = settings
        self._lock = lock
        self._tenants = tenants
        self._new_passwords: dict[str, str] = {}

    @property
    def accounts_file(self) -> Path:
        """Where new passwords are kept (0600)."""
        return self.settings.home / "accounts.txt"

    def left_out(self) -> list[str]:
        """Return the tenants that do not start, because nothing is isolated here."""
        if self.settings.isolation == "full":
            return []
        return [name for name, tenant in self._tenants.tenants.items() if tenant.require_isolation]

    def announce(self, report: Report, elapsed_s: float) -> None:
        """Say that everything is ready, and the passwords that are new."""
        report.ready(self.settings, elapsed_s)
        report.accounts(self._new_passwords, self._tenants, self.accounts_file)
        report.isolation(self.settings, self.left_out())
        self._new_passwords = {}

    def reload(self, report: Report) -> str | None:
        """Read the tenants file again; return the problem when it is not usable."""
        try:
            self._tenants = tenants_file.load(self.settings.tenants_file)
        except InvalidInput as error:
            report.line(f"  ! tenants not reloaded: {error}")
            return str(error)
        report.line("  tenants reloaded; the hub starts again, servers and runs go on")
        new = make_accounts(self.settings, self._tenants, self.accounts_file)
        report.accounts(new, self._tenants, self.accounts_file)
        return None

    def make_accounts(self) -> None:
        """Generate a password for each member who has none; they are shown once, when ready."""
        self._new_passwords = make_accounts(self.settings, self._tenants, self.accounts_file)

    def close(self) -> None:
        """Give the state directory back."""
        self._lock.release()


def prepare(
    options: Options, foreground: int, report: Report
) -> tuple[Deployment, list[ChildSpec]]:
    """Check and make everything that the children need.

    Raises:
        Refusal: it cannot be done; nothing runs.
    """
    home = open_home(options.home)
    lock = HomeLock(home)
    report.line(f"Galley starts; state in {home}")
    capabilities = probe()
    settings = make_settings(options, home, capabilities)
    try:
        tenants = tenants_file.load(settings.tenants_file)
    except InvalidInput as error:
        raise Refusal(str(error)) from error
    make_folders(settings)
    make_tokens(settings)
    prepare_database(settings)
    if problem := make_secret_keys(settings):
        report.line(f"  ! {problem}")
    script = proxy.installed(home)
    if script is None:
        report.line("  installing the proxy (once)")
        script = proxy.install(home)
    if not (settings.mlflow_state / "mlflow.db").exists():
        report.line("  first start: the databases are made, this takes a little longer")
    deployment = Deployment(foreground, lock, settings, tenants)
    deployment.make_accounts()
    return deployment, child_specs(settings, script)
