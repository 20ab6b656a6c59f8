"""What commands that talk to the service share: ``--tenant``, ``--json``, and the client."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import click

from galley.cli.output import Output
from galley.client import Client, find_credentials
from galley.domain.versions import Version, VersionState
from galley.errors import InvalidInput, NotFound

F = TypeVar("F", bound=Callable[..., Any])


class Session:
    """A signed-in command.

    Attributes:
        client: the service.
        output: where answers go, as tables or as JSON.
    """

    def __init__(self, client: Client, tenant: str | None, output: Output) -> None:
        self.client = client
        self.output = output
        self._tenant = tenant

    @property
    def tenant(self) -> str:
        """The tenant of this command: ``--tenant``, GALLEY_TENANT, or the only one.

        Raises:
            InvalidInput: there is more than one to choose from.
        """
        if self._tenant is None:
            names = [tenant.name for tenant in self.client.me().tenants]
            if len(names) != 1:
                raise InvalidInput(
                    f"you are a member of {', '.join(names) or 'no tenant'}: choose one with "
                    "--tenant or GALLEY_TENANT."
                )
            self._tenant = names[0]
        return self._tenant

    def version(self, reference: str, *, default: str = "latest") -> Version:
        """Return the version that ``PIPELINE[@NUMBER]`` names.

        Args:
            reference: with ``@live``, ``@latest`` or a number after the pipeline's name.
            default: ``latest``, ``live`` or ``waiting`` where it names none.

        Raises:
            NotFound: there is no such version.
            InvalidInput: the reference cannot be read.
        """
        named = parse_reference(reference, default)
        if named.which == "waiting":
            return self._waiting(named.pipeline)
        if named.which in {"live", "latest"}:
            pipeline = self.client.pipeline(self.tenant, named.pipeline)
            number = pipeline.live_version if named.which == "live" else pipeline.latest_version
            if number is None:
                raise NotFound(f"pipeline {named.pipeline!r} has no {named.which} version.")
        else:
            number = int(named.which)
        return self.client.version_numbered(self.tenant, named.pipeline, number)

    def _waiting(self, pipeline: str) -> Version:
        page = self.client.versions(self.tenant, pipeline)
        found = [one for one in page.items if one.state is VersionState.IN_REVIEW]
        if not found:
            raise NotFound(f"no version of {pipeline!r} is in review.")
        if len(found) > 1:
            named = ", ".join(f"{pipeline}@{one.number}" for one in found)
            raise InvalidInput(
                f"several versions of {pipeline!r} are in review: name one, {named}."
            )
        return found[0]


class Reference(NamedTuple):
    """A pipeline and which of its versions."""

    pipeline: str
    which: str


def parse_reference(text: str, default: str) -> Reference:
    """Return what ``PIPELINE[@VERSION]`` names.

    Raises:
        InvalidInput: the version is neither a number nor a word that is known.
    """
    pipeline, _, which = text.partition("@")
    which = which.removeprefix("v") or default
    if which not in {"live", "latest", "waiting"} and not which.isdigit():
        raise InvalidInput(
            f"{text!r} names no version: use PIPELINE, PIPELINE@3, PIPELINE@live or "
            "PIPELINE@latest."
        )
    return Reference(pipeline, which)


def parse_id(text: str, noun: str = "run") -> UUID:
    """Return the id of a run, or of another thing that has a list.

    Raises:
        InvalidInput: it is not one.
    """
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidInput(
            f"{text!r} is not the id of a {noun}: `galley {noun}s` lists them."
        ) from error


def with_session(function: F) -> F:
    """Give a command ``--tenant`` and ``--json``, and a :class:`Session` as first argument."""

    @click.option(
        "--tenant", metavar="NAME", help="The tenant; default GALLEY_TENANT or the only one."
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
    @wraps(function)
    def command(*args: Any, tenant: str | None, as_json: bool, **options: Any) -> Any:
        credentials = find_credentials(os.environ)
        with Client(credentials.url, credentials.token) as client:
            session = Session(client, tenant or credentials.tenant, Output(as_json=as_json))
            return function(session, *args, **options)

    return command  # type: ignore[return-value]  # wraps() keeps what click needs
