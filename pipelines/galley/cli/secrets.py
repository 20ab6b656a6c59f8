"""Commands about secrets. A value comes from a hidden prompt or standard input, never from argv."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from galley.cli import output
from galley.cli.session import Session, with_session
from galley.domain.secrets import SecretRequest, check_secret_name, check_secret_value
from galley.errors import GalleyError

_PERSONAL = click.option(
    "--personal", is_flag=True, help="Your own value, for your rehearsals and your JupyterLab."
)


@click.group()
def secret() -> None:
    """Set, list and delete secrets; nobody reads a value back."""


@secret.command(name="set")
@click.argument("name")
@_PERSONAL
@click.option("--description", help="What it is for, where to get a new one.")
@with_session
def set_(session: Session, name: str, personal: bool, description: str | None) -> None:
    """Set a secret, or replace its value.

    The value is asked for, hidden; or it is standard input, without the newline at its end, as in
    `galley secret set warehouse < key.pem`.
    """
    check_secret_name(name)
    value = check_secret_value(_value(name))
    done = session.client.set_secret(
        session.tenant,
        name,
        SecretRequest(value=value, description=description),
        personal=personal,
    )
    whose = "your personal value of" if personal else "the secret"
    session.output.model(done, f"{whose} {name} is set in {session.tenant}")


@secret.command(name="list")
@with_session
def list_(session: Session) -> None:
    """List the tenant's secrets and your personal values, without values."""
    found = session.client.secrets(session.tenant).items
    session.output.models(
        found,
        ("NAME", "WHOSE", "SET BY", "SET", "LAST USED", "DESCRIPTION"),
        (
            (
                one.name,
                "yours" if one.personal else "tenant",
                one.set_by,
                output.moment(one.set_at),
                f"{output.moment(one.last_used_at)} {one.last_used_by or ''}".strip(),
                one.description,
            )
            for one in found
        ),
        empty=f"{session.tenant} has no secrets, nor you a personal value: galley secret set NAME",
    )


@secret.command()
@click.argument("name")
@_PERSONAL
@with_session
def delete(session: Session, name: str, personal: bool) -> None:
    """Forget a secret; runs of versions that name it fail from now on."""
    session.client.delete_secret(session.tenant, name, personal=personal)
    whose = "your personal value of" if personal else "the secret"
    session.output.value(
        {"deleted": name, "personal": personal}, f"{whose} {name} is deleted in {session.tenant}"
    )


@secret.command(name="rotate-key")
@click.option(
    "--home",
    envvar="GALLEY_HOME",
    default=".galley",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of all state (GALLEY_HOME).",
)
def rotate_key(home: Path) -> None:
    """Seal all secrets with a new key, on the platform's machine; it may be running."""
    try:
        from galley.supervisor.secret_keys import rotate
    except ModuleNotFoundError as error:
        raise GalleyError(
            f"this needs {error.name}: pip install 'galley[hub,lab,runner]'"
        ) from None
    path, count = rotate(home)
    click.echo(
        f"{count} values are sealed with a new key; {path} keeps the one before until the next "
        "rotation"
    )


def _value(name: str) -> str:
    if sys.stdin.isatty():
        asked: str = click.prompt(f"Value of {name}", hide_input=True, confirmation_prompt=True)
        return asked
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise GalleyError("standard input is not UTF-8 text: a secret is text.") from None
    return text.removesuffix("\n").removesuffix("\r")
