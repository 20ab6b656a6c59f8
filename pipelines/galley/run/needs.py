"""What one task may use: all that its profile has, or less where tags of its cells say so.

A cell tagged ``cpu:0.5``, ``memory:512MiB`` or ``gpus:0`` speaks for its whole task, so that more
tasks fit beside it. Of several, the largest holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from galley.domain.model import Model
from galley.domain.tenants import Profile, parse_bytes
from galley.errors import GalleyError
from galley.run.cells import tags_of

_TAG = re.compile(r"(cpu|memory|gpus):(.+)")
_READ: dict[str, Callable[[str], float]] = {"cpu": float, "memory": parse_bytes, "gpus": int}
_EXAMPLES = {"cpu": "cpu:0.5", "memory": "memory:512MiB", "gpus": "gpus:1"}


class AsksTooMuch(GalleyError):
    """A task asks for what its profile does not have, or for nothing that there is."""


class Share(Model):
    """What a task takes of its profile.

    Attributes:
        tag: what limits its memory below the profile's; None: the profile itself.
    """

    cpu: float
    memory: int
    gpus: int
    tag: str | None = None


def share(task: str, cells: Sequence[Any], profile: Profile, profile_name: str) -> Share:
    """Return what a task takes, by the tags of its cells.

    Raises:
        AsksTooMuch: a tag has no number, or a larger one than the profile.
    """
    asked: dict[str, tuple[float, str]] = {}
    for cell in cells:
        for tag in tags_of(cell):
            if match := _TAG.fullmatch(tag):
                name, value = match[1], _value(task, match[1], match[2])
                given = getattr(profile, name)
                if value > given:
                    raise AsksTooMuch(
                        f"task {task!r} asks for {tag!r}, more than its profile {profile_name!r} "
                        f"has ({given}): choose a larger profile, or a smaller number"
                    )
                asked[name] = max(asked.get(name, (0.0, "")), (value, tag))
    memory, limiting = asked.get("memory", (profile.memory, None))
    return Share(
        cpu=asked.get("cpu", (profile.cpu, ""))[0],
        memory=int(memory),
        gpus=int(asked.get("gpus", (profile.gpus, ""))[0]),
        tag=limiting,
    )


def _value(task: str, name: str, text: str) -> float:
    try:
        value = _READ[name](text)
    except ValueError:
        value = -1
    if value > 0 or (value == 0 and name == "gpus"):
        return value
    raise AsksTooMuch(
        f"task {task!r} has the tag '{name}:{text}', which says nothing that can be given: "
        f"write for example {_EXAMPLES[name]!r}"
    )
