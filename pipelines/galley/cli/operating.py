"""Commands of the operator: start, look, reload, accounts. They work on GALLEY_HOME itself."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import click
from galley_hub.passwords import Passwords

from galley.cli import output
from galley.domain.tenants import Tenants
from galley.domain.tenants_file import load as load_tenants
from galley.errors import GalleyError
from galley.locking.uv import find_uv
from galley.sandbox import landlock
from galley.sandbox.capabilities import Capabilities, probe
from galley.supervisor.home import write_private
from galley.supervisor.options import Options
from galley.supervisor.plan import read_settings
from galley.supervisor.status import read_status
from galley.supervisor.up import up as start

RELOAD_PATIENCE_S = 60.0
HOME = click.option(
    "--home",
    envvar="GALLEY_HOME",
    default=".galley",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of all state (GALLEY_HOME).",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")


@click.command()
@HOME
@click.option(
    "--port",
    envvar="GALLEY_PORT",
    default=8000,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="The one public port (GALLEY_PORT).",
)
@click.option("--bind", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--tenants",
    "tenants_file",
    envvar="GALLEY_TENANTS",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The tenants file (GALLEY_TENANTS).",
)
@click.option(
    "--secret-keys",
    "secret_keys_file",
    envvar="GALLEY_SECRET_KEYS_FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of the keys that seal secrets; default: in the state (GALLEY_SECRET_KEYS_FILE).",
)
@click.option(
    "--database-url",
    envvar="GALLEY_DATABASE_URL",
    metavar="URL",
    help="PostgreSQL for the service's state; default: SQLite in the state (GALLEY_DATABASE_URL).",
)
@click.option(
    "--new-database",
    is_flag=True,
    help="Start with another database than the state belongs to: moved, or an empty one.",
)
@click.option(
    "--service-processes",
    envvar="GALLEY_SERVICE_PROCESSES",
    default=1,
    show_default=True,
    type=click.IntRange(1, 16),
    help="Processes of the service; one that ends is stood in for (GALLEY_SERVICE_PROCESSES).",
)
@click.option("--die-with-parent", is_flag=True, hidden=True)
def up(
    home: Path,
    port: int,
    bind: str,
    tenants_file: Path | None,
    secret_keys_file: Path | None,
    database_url: str | None,
    new_database: bool,
    service_processes: int,
    die_with_parent: bool,
) -> None:
    """Start the whole platform on this machine; Ctrl-C stops all of it."""
    options = Options(
        home=home,
        port=port,
        bind=bind,
        tenants_file=tenants_file,
        secret_keys_file=secret_keys_file,
        database_url=database_url,
        new_database=new_database,
        service_processes=service_processes,
        die_with_parent=die_with_parent,
    )
    raise SystemExit(start(options))


@click.command()
@HOME
@JSON
def status(home: Path, as_json: bool) -> None:
    """Say what runs, since when."""
    found = read_status(home)
    if found is None:
        click.echo(
            json.dumps(None) if as_json else f"nothing runs on {home}: `galley up` starts it"
        )
        raise SystemExit(1)
    lines = [f"{found.url}  (pid {found.pid}, since {output.moment(found.started_at)})"]
    lines += [
        f"  {one.name:<9} {one.state:<9} since {output.moment(one.since)}, {one.restarts} restarts"
        for one in found.processes
    ]
    if found.left_out:
        lines.append(f"  left out, because they require isolation: {', '.join(found.left_out)}")
    output.Output(as_json=as_json).model(found, "\n".join(lines))


@click.command()
@HOME
@JSON
def doctor(home: Path, as_json: bool) -> None:
    """Say what is isolated here, what is missing and what to do."""
    found = probe()
    settings = read_settings(home)
    left_out: list[str] = []
    if not found.isolated and settings is not None:
        tenants = _tenants(settings.tenants_file)
        left_out = [name for name, one in tenants.tenants.items() if one.require_isolation]
    uv = find_uv()
    facts = {
        **found.model_dump(),
        "left_out": left_out,
        "running": read_status(home) is not None,
        "uv": None if uv is None else str(uv),
    }
    lines = [
        _line(
            found.isolated,
            "Servers, runs and rehearsals are isolated from each other",
            f"Nothing is isolated: {found.reason}",
        ),
        _line(
            found.internet,
            "Sandboxes reach other machines, and not this one's loopback",
            "Sandboxes reach no other machine: slirp4netns is missing"
            if found.isolated
            else "No network of their own for sandboxes",
        ),
        _line(
            found.as_root,
            "Each user and tenant has a uid of its own",
            "Not root: all sandboxes share your uid, apart by namespaces",
        ),
        *(_tasks(found) if found.isolated else ()),
        _line(
            found.isolated and found.landlock >= landlock.SCOPES,
            "A task whose kernel cannot be forked reaches no other task",
            f"A task whose kernel cannot be forked {_reach(found)}",
        ),
        _line(
            uv is not None,
            "Versions can have environments of their own",
            "uv is missing: versions run in the platform's environment or not at all "
            "(pip install uv)",
        ),
    ]
    if left_out:
        lines.append(f"! Left out: {', '.join(left_out)}")
    if found.advice:
        lines.append(f"→ {found.advice}")
    output.Output(as_json=as_json).value(facts, "\n".join(lines))
    if not found.isolated:
        raise SystemExit(1)


@click.command(name="reload")
@HOME
def reload(home: Path) -> None:
    """Read the tenants file again; servers and runs go on."""
    before = read_status(home)
    if before is None:
        raise GalleyError(f"nothing runs on {home}: the tenants file is read at the next start.")
    os.kill(before.pid, signal.SIGHUP)
    deadline = time.monotonic() + RELOAD_PATIENCE_S
    while time.monotonic() < deadline:
        now = read_status(home)
        if now is not None and now.reloads > before.reloads:
            if now.reload_problem:
                raise GalleyError(f"nothing changed: {now.reload_problem}")
            click.echo("tenants reloaded; servers and runs went on")
            return
        time.sleep(0.2)
    raise GalleyError(f"no answer within {RELOAD_PATIENCE_S:.0f} s: see {home}/logs.")


@click.group()
def user() -> None:
    """Accounts of the built-in sign-in."""


@user.command(name="add")
@click.argument("name")
@HOME
def add_user(name: str, home: Path) -> None:
    """Make an account and print its password once; the tenants file says what it may do."""
    passwords = _passwords(home)
    if name in passwords.users():
        raise GalleyError(f"{name!r} has an account already: `galley user reset {name}`.")
    _set(passwords, name, home)


@user.command(name="reset")
@click.argument("name")
@HOME
def reset_user(name: str, home: Path) -> None:
    """Give an account a new password and print it once."""
    passwords = _passwords(home)
    if name not in passwords.users():
        known = ", ".join(passwords.users()) or "none"
        raise GalleyError(f"there is no account {name!r}; accounts: {known}.")
    _set(passwords, name, home)


def _passwords(home: Path) -> Passwords:
    settings = read_settings(home)
    if settings is None:
        raise GalleyError(f"{home} holds no deployment yet: run `galley up` once.")
    return Passwords(settings.hub_state / "passwords.json")


def _set(passwords: Passwords, name: str, home: Path) -> None:
    settings = read_settings(home)
    members = _tenants(settings.tenants_file).of(name) if settings else {}
    password = passwords.generate()
    passwords.set(name, password)
    _forget(home / "accounts.txt", name)
    click.echo(f"{name}  {password}")
    if not members:
        click.echo(
            f"{name} is in no tenant yet: add them to `members` in "
            f"{settings.tenants_file if settings else 'the tenants file'}, then `galley reload`.",
            err=True,
        )


def _forget(accounts: Path, name: str) -> None:
    """Remove a password that no longer holds from the list of generated ones."""
    if accounts.exists():
        lines = accounts.read_text(encoding="utf-8").splitlines(keepends=True)
        write_private(accounts, "".join(one for one in lines if one.split()[:1] != [name]))


def _tenants(path: Path) -> Tenants:
    return load_tenants(path)


def _tasks(found: Capabilities) -> tuple[str, str]:
    """Say what a task in a sandbox is kept from."""
    return (
        _line(
            not found.unwalled,
            "A task reads no files of other runs",
            f"A task reads files of other runs of its tenant: {found.unwalled}",
        ),
        _line(
            not found.foreign,
            "A task finds its own processes in /proc",
            "A task finds others' processes in /proc, so psutil and Dask do not work in it: "
            f"{found.foreign}",
        ),
    )


def _reach(found: Capabilities) -> str:
    if not found.isolated:
        return "reads and signals others"
    if found.landlock < landlock.REFER:
        return "reads and signals others of its tenant: no Landlock (Linux 5.19 and newer have it)"
    return "can signal others of its tenant, but not read them (Linux 6.12 and newer prevent it)"


def _line(good: bool, yes: str, no: str) -> str:
    return f"✓ {yes}" if good else f"! {no}"
