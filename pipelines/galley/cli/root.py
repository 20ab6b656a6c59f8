"""The root of the command line: its groups in the order of ``galley --help``, and its errors."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from galley import __version__
from galley.cli import authoring, backups, operating, reviewing, running, scheduling, signing_in
from galley.errors import GalleyError, InvalidInput, PublicError
from galley.supervisor.refusal import Refusal

SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Publish": (authoring.publish, authoring.analyse, authoring.withdraw, authoring.export),
    "Review": (reviewing.reviews, reviewing.approve, reviewing.reject, reviewing.rollback),
    "Run": (
        running.pipelines,
        running.runs,
        running.run,
        running.cancel,
        running.retry,
        running.logs,
        scheduling.schedule,
    ),
    "Account": (signing_in.login, signing_in.whoami),
    "Operate": (
        operating.up,
        operating.status,
        operating.doctor,
        operating.reload,
        operating.user,
        backups.backup,
        backups.restore,
    ),
}


class Sections(click.Group):
    """A group whose help lists the commands by what they are for, and errors as sentences."""

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one block for each section."""
        width = formatter.width - 18
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(one.name or "", one.get_short_help_str(width)) for one in commands]
                )

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a refusal is one sentence on stderr and exit code 1."""
        try:
            return super().invoke(ctx)
        except PublicError as error:
            field = f"{error.field}: " if error.field and isinstance(error, InvalidInput) else ""
            fail(f"{field}{error.detail}")
        except (GalleyError, Refusal) as error:
            fail(str(error))


def fail(message: str) -> NoReturn:
    """Write one sentence to stderr and end with exit code 1."""
    click.echo(f"galley: {message}", err=True)
    sys.exit(1)


@click.group(cls=Sections, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="galley")
def main() -> None:
    """Turn a notebook into a rehearsed, reviewed, scheduled and tracked pipeline."""


for section in SECTIONS.values():
    for command in section:
        main.add_command(command)
