"""Commands about the account: sign in with a personal token, see who one is."""

from __future__ import annotations

import os

import click

from galley.cli.session import Session, with_session
from galley.client import Client, Credentials, save_credentials
from galley.client.credentials import DEFAULT_URL


@click.command()
@click.option(
    "--url",
    envvar="GALLEY_URL",
    default=DEFAULT_URL,
    show_default=True,
    help="Address of the platform.",
)
@click.option("--token", help="A personal token, made at URL/hub/token; asked for by default.")
@click.option("--tenant", help="The tenant that commands use by default.")
def login(url: str, token: str | None, tenant: str | None) -> None:
    """Keep a personal token for this account (mode 0600)."""
    secret = token or click.prompt(f"Token (make one at {url}/hub/token)", hide_input=True)
    with Client(url, secret) as client:
        me = client.me()
    path = save_credentials(Credentials(url=url, token=secret, tenant=tenant), os.environ)
    names = ", ".join(one.name for one in me.tenants) or "no tenant"
    click.echo(f"signed in as {me.user} ({names}); kept in {path}")


@click.command()
@with_session
def whoami(session: Session) -> None:
    """Say who the token belongs to and what it may do."""
    me = session.client.me()
    lines = [f"{me.user}, by {me.via}"]
    lines += [f"  {one.name}: {', '.join(one.actions) or 'nothing'}" for one in me.tenants]
    session.output.model(me, "\n".join(lines))
