"""The deployment to run: its settings, and how each child is started."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import galley_hub
from pydantic import ValidationError

from galley.domain.settings import Settings
from galley.errors import IncompatibleState
from galley.sandbox.capabilities import Capabilities
from galley.store.connect import database
from galley.supervisor import ports, proxy
from galley.supervisor.child import ChildSpec
from galley.supervisor.database import require_same
from galley.supervisor.health import answers, answers_on_socket
from galley.supervisor.home import write_private
from galley.supervisor.options import Options
from galley.supervisor.refusal import Refusal
from galley.tracking.server import ALLOWED_HOST, mlflow_command

HUB_CONFIG = "jupyterhub_config.py"
EXAMPLE_TENANTS = "tenants.yaml"
_QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PLOOMBER_STATS_ENABLED": "false",
    "PLOOMBER_VERSION_CHECK_DISABLED": "1",
    "PYTHONUNBUFFERED": "1",
}


def settings_path(home: Path) -> Path:
    """Return where the settings of a deployment lie."""
    return home / "settings.json"


def read_settings(home: Path) -> Settings | None:
    """Return the settings of the last start, or None before the first one."""
    try:
        return Settings.model_validate_json(settings_path(home).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return None


def make_settings(options: Options, home: Path, capabilities: Capabilities) -> Settings:
    """Choose the loopback ports, the same as last time where they are free, and write it all down.

    Raises:
        Refusal: the public port is taken, there is no tenants file, no such kind of database, or
            another one than before is not said to be meant.
    """
    ports.require_free(options.bind, options.port)
    database_url = _database_url(options)
    require_same(home, database_url, new=options.new_database)
    last, taken = read_settings(home), {options.port}
    hub, api, service = (
        (last.hub_port, last.proxy_api_port, last.service_port) if last else (None, None, None)
    )
    settings = Settings(
        home=home,
        tenants_file=_tenants_file(options, home),
        bind=options.bind,
        port=options.port,
        hub_port=ports.choose(hub, taken),
        proxy_api_port=ports.choose(api, taken),
        service_port=ports.choose(service, taken),
        isolation="full" if capabilities.isolated else "none",
        secret_keys_file=options.secret_keys_file and options.secret_keys_file.absolute(),
        database_url=database_url,
        service_processes=options.service_processes,
        isolation_reason=_reason(capabilities),
    )
    write_private(settings_path(home), settings.model_dump_json(indent=2) + "\n")
    return settings


def child_specs(settings: Settings, proxy_script: Path) -> list[ChildSpec]:
    """Return the children in the order in which they are shown."""
    secret = settings.secrets / "proxy-token"
    token = secret.read_text(encoding="utf-8").strip()
    proxy_argv, proxy_env = proxy.command(settings, proxy_script, token)
    mlflow_argv, mlflow_env = mlflow_command(settings)
    base = _environment(settings)
    proxy_api = f"http://127.0.0.1:{settings.proxy_api_port}/api/routes"
    python = sys.executable
    return [
        ChildSpec(
            name="proxy",
            argv=proxy_argv,
            env={**base, **proxy_env},
            cwd=settings.run,
            is_ready=answers(proxy_api, {"Authorization": f"token {token}"}),
        ),
        ChildSpec(
            name="hub",
            argv=[python, "-m", "galley.supervisor.jupyterhub", "-f", str(_packaged(HUB_CONFIG))],
            env=base,
            cwd=settings.hub_state,
            is_ready=answers(f"{settings.public_url}/hub/health"),
            after=("proxy",),
        ),
        *(
            ChildSpec(
                name=name,
                argv=[python, "-m", "galley.service"],
                env={**base, "GALLEY_SERVICE_NAME": name},
                cwd=settings.service_state,
                is_ready=answers_on_socket(
                    settings.service_socket(name), f"{settings.service_url}/services/galley/healthz"
                ),
            )
            for name in _service_names(settings.service_processes)
        ),
        ChildSpec(
            name="mlflow",
            argv=mlflow_argv,
            env={**base, **mlflow_env},
            cwd=settings.mlflow_state,
            is_ready=answers_on_socket(settings.mlflow_socket, f"http://{ALLOWED_HOST}/health"),
        ),
    ]


def _service_names(count: int) -> list[str]:
    return ["service", *(f"service-{number}" for number in range(2, count + 1))]


def _environment(settings: Settings) -> dict[str, str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("GALLEY_", "JUPYTERHUB_", "JUPYTER_", "MLFLOW_", "CONFIGPROXY_"))
    }
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), kept.get("PATH", os.defpath)])
    return {**kept, **_QUIET, "PATH": path, "GALLEY_SETTINGS": str(settings_path(settings.home))}


def _packaged(name: str) -> Path:
    """Return a file of ``hub_config/``: the checkout's, else the copy in the wheel."""
    package = Path(galley_hub.__file__).parent
    for candidate in (package.parent / name, package / "default" / name):
        if candidate.is_file():
            return candidate
    raise Refusal(f"this installation of Galley lacks {name}: install it again.")


def _tenants_file(options: Options, home: Path) -> Path:
    if options.tenants_file is not None:
        if not options.tenants_file.is_file():
            raise Refusal(f"there is no tenants file {options.tenants_file} (GALLEY_TENANTS).")
        return options.tenants_file.absolute()
    own, example = home / EXAMPLE_TENANTS, _packaged(EXAMPLE_TENANTS)
    if own.is_file():
        return own
    if example.parent.name != "default":
        return example
    shutil.copyfile(example, own)
    return own


def _database_url(options: Options) -> str | None:
    """Return the URL of a database on a server; a file always lies in the state directory."""
    if not options.database_url:
        return None
    try:
        parsed = database(options.database_url).url
    except IncompatibleState as error:
        raise Refusal(f"GALLEY_DATABASE_URL: {error}") from error
    if parsed.get_backend_name() == "sqlite":
        raise Refusal(
            f"GALLEY_DATABASE_URL names the file {parsed.database}: SQLite always lies in the "
            "state directory (GALLEY_HOME). Leave it out, or name a PostgreSQL database."
        )
    return parsed.render_as_string(hide_password=False)


def _reason(capabilities: Capabilities) -> str | None:
    if capabilities.isolated:
        return None
    advice = f" To enable it, run: {capabilities.advice}" if capabilities.advice else ""
    return f"{capabilities.reason or 'sandboxes do not work here'}.{advice}"
