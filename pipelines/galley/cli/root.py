"""The root of the command line: its groups in the order of ``galley --help``, and its errors.

A command's module is imported when the command is used: a client's installation lacks what the
operator's commands need.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NoReturn

import click

from galley import __version__
from galley.errors import GalleyError, InvalidInput, PublicError

SECTIONS: dict[str, dict[str, str]] = {
    "Publish": {
        "publish": "authoring",
        "analyse": "authoring",
        "build": "building",
        "withdraw": "authoring",
        "export": "authoring",
    },
    "Review": {
        "reviews": "reviewing",
        "approve": "reviewing",
        "reject": "reviewing",
        "rollback": "reviewing",
        "audit": "reviewing",
    },
    "Run": {
        "pipelines": "running",
        "runs": "running",
        "run": "running",
        "try": "trying",
        "cancel": "running",
        "retry": "running",
        "logs": "running",
        "files": "running",
        "execute": "executing",
        "resources": "running",
        "debug": "debugging",
        "environment": "environments",
        "compare": "comparing",
        "schedule": "scheduling",
        "backfill": "backfilling",
        "backfills": "backfilling",
        "trigger": "triggering",
        "calendar": "calendars",
    },
    "Account": {"login": "signing_in", "whoami": "signing_in", "secret": "secrets"},
    "Operate": {
        "up": "operating",
        "status": "operating",
        "doctor": "operating",
        "reload": "operating",
        "drain": "draining",
        "undrain": "draining",
        "retention": "keeping",
        "disk": "keeping",
        "user": "operating",
        "backup": "backups",
        "restore": "backups",
        "carry-over": "backups",
    },
}
"""Section → command → module of this package that holds it under the command's name."""

_NAMES = {"try": "try_version", "carry-over": "carry_over"}
"""Commands whose name is no name in Python."""

_MODULES = {name: module for section in SECTIONS.values() for name, module in section.items()}


class Sections(click.Group):
    """A group whose help lists the commands by what they are for, and errors as sentences."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the commands in the order of the help."""
        return list(_MODULES)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name not in _MODULES:
            return None
        try:
            found = getattr(import_module(f"galley.cli.{_MODULES[name]}"), _NAMES.get(name, name))
        except ModuleNotFoundError as error:
            return _not_installed(name, error.name or "")
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one block for each section."""
        for title, names in SECTIONS.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(title):
                formatter.write_dl(
                    [(name, one.get_short_help_str(limit=200)) for name, one in commands if one]
                )

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a refusal is one sentence on stderr and exit code 1."""
        try:
            return super().invoke(ctx)
        except PublicError as error:
            field = f"{error.field}: " if error.field and isinstance(error, InvalidInput) else ""
            fail(f"{field}{error.detail}")
        except GalleyError as error:
            fail(str(error))


def _not_installed(name: str, module: str) -> click.Command:
    """Return a command that says what to install."""

    def say() -> NoReturn:
        raise GalleyError(
            f"`galley {name}` needs {module}, which a client's installation lacks: "
            "pip install 'galley[hub,lab,runner]'"
        )

    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        name,
        callback=say,
        short_help="Not installed: needs galley[hub,lab,runner].",
        context_settings=anything,
    )


def fail(message: str, status: int = 1) -> NoReturn:
    """Write one sentence to stderr and end with this exit code."""
    click.echo(f"galley: {message}", err=True)
    sys.exit(status)


@click.group(cls=Sections, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="galley")
def main() -> None:
    """Turn a notebook into a rehearsed, reviewed, scheduled and tracked pipeline."""
