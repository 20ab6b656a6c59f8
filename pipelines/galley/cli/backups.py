"""Commands of the operator: back up while running, restore into an empty folder."""

from __future__ import annotations

from pathlib import Path

import click

from galley.cli.operating import HOME
from galley.supervisor import backup as backups


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@HOME
@click.option("--files-only", is_flag=True, help="The database is on a server: leave it out.")
def backup(file: Path, home: Path, files_only: bool) -> None:
    """Write all state to FILE (tar.gz), consistent while the platform runs."""
    size = backups.backup(home, file, files_only=files_only)
    click.echo(f"{file}: {size / 2**20:.1f} MiB. It holds secrets: keep it as you keep them.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@HOME
@click.option("--force", is_flag=True, help="Replace the state that is there; it is kept aside.")
def restore(file: Path, home: Path, force: bool) -> None:
    """Put the state of FILE into GALLEY_HOME, which must be empty and not in use."""
    kept = backups.restore(file, home, force=force)
    click.echo(f"restored into {home}: `galley up` starts it")
    if kept is not None:
        click.echo(f"the state that was there is in {kept}")
