"""Commands that take a host out of work and put it back."""

from __future__ import annotations

import time

import click

from galley.cli.session import Session, with_session
from galley.domain.drains import ALL, Drain
from galley.errors import InvalidInput

PAUSE_S = 1.0
HOST = click.argument("host", metavar="[HOST]", required=False)
EVERY = click.option("--all", "every", is_flag=True, help="All hosts.")


@click.command()
@HOST
@EVERY
@click.option("--wait", is_flag=True, help="Wait until nothing of theirs runs any more.")
@with_session
def drain(session: Session, host: str | None, every: bool, wait: bool) -> None:
    """Give no new work to HOST (TENANT@MACHINE or MACHINE); without one, list what is drained.

    A tenant's hosts are those of its rehearsals and trials as well.
    """
    if host is None and not every:
        _list(session)
        return
    which = _which(host, every)
    known = {one.host for one in session.client.drains()}
    drained = session.client.drained(which) if which in known else session.client.drain(which)
    while wait and drained.running:
        session.output.say(f"{_name(which)}: {_still(drained)}")
        before = drained.running
        while drained.running == before:
            time.sleep(PAUSE_S)
            drained = session.client.drained(which)
    session.output.model(drained, f"{_name(which)} is given no new work; {_still(drained)}")


@click.command()
@HOST
@EVERY
@with_session
def undrain(session: Session, host: str | None, every: bool) -> None:
    """Give work to HOST again."""
    which = _which(host, every)
    session.client.undrain(which)
    session.output.value({"host": which}, f"{_name(which)} is given work again")


def _list(session: Session) -> None:
    drains = session.client.drains()
    session.output.models(
        drains,
        ("HOST", "SINCE", "BY", "RUNNING"),
        (
            (_name(one.host), f"{one.since:%Y-%m-%d %H:%M} UTC", one.by, one.running)
            for one in drains
        ),
        empty="Nothing is drained: `galley drain HOST` or `galley drain --all` does it.",
    )


def _which(host: str | None, every: bool) -> str:
    if (host is None) != every:
        raise InvalidInput("name one HOST, or all of them with --all.")
    return host or ALL


def _name(host: str) -> str:
    return "every host" if host == ALL else host


def _still(drain: Drain) -> str:
    if not drain.hosts and drain.host != ALL:
        return "no host of that name has asked for work lately: look whether it is the right one"
    if not drain.running:
        return "nothing runs there: it can be taken away"
    return f"{drain.running} attempt{'s' if drain.running > 1 else ''} still running"
