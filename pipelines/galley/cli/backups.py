"""Commands of the operator: back up while running, restore, and move to a database server."""

from __future__ import annotations

from pathlib import Path

import click

from galley.cli.operating import HOME
from galley.supervisor import backup as backups
from galley.supervisor import database


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


@click.command("carry-over")
@HOME
@click.option(
    "--database-url",
    envvar="GALLEY_DATABASE_URL",
    metavar="URL",
    required=True,
    help="The empty PostgreSQL database (GALLEY_DATABASE_URL).",
)
def carry_over(home: Path, database_url: str) -> None:
    """Copy the state's SQLite database into an empty one of PostgreSQL; nothing may run."""
    counts = database.carry_over(home, database_url)
    for table, rows in sorted(counts.items()):
        if rows:
            click.echo(f"{rows:>12,} {table}")
    click.echo(
        f"{sum(counts.values()):,} rows are carried over and counted on both sides. Start with "
        "GALLEY_DATABASE_URL set from now on; service/galley.db is not used any more and stays."
    )
