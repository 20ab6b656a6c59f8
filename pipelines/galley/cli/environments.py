"""`galley environment`: the environment that a version is locked to, made here."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import click

from galley.cli.output import Output
from galley.locking import personal_environment


@click.command()
@click.argument(
    "lock",
    metavar="REQUIREMENTS.LOCK",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
def environment(lock: Path, *, as_json: bool) -> None:
    """Make the environment of a version's lock, or find it; print its Python.

    It lies in your cache folder and holds each distribution at the version that the runs have, and
    nothing else; uv takes them from where it is configured to.
    """
    output = Output(as_json=as_json)
    with closing(
        personal_environment(
            lock.read_text(encoding="utf-8"),
            os.environ,
            making=lambda: output.say("installing; this is done once"),
        )
    ) as made:
        output.value({"python": str(made.python), "made": made.made}, str(made.python))
