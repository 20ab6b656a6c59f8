"""What to run in a sandbox and what it may see: a value, checked before anything starts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from galley.domain.model import Model

_DOOR = re.compile(r"unix:/.+|127\.0\.0\.1:[1-9][0-9]{0,4}")

SCRATCH = ("/dev/shm", "/tmp", "/var/tmp")  # noqa: S108
"""Folders of an isolated sandbox in memory, empty at first, each within its memory limit."""


class Bind(Model):
    """A file or folder of the machine that is visible inside."""

    source: Path
    target: Path
    mode: Literal["ro", "rw"] = "ro"


class SandboxSpec(Model):
    """One process tree, apart from all others.

    Attributes:
        name: for people, in messages and as the host name inside.
        user: login name inside; ``home`` is its home folder inside.
        uid, gid: the identity inside and outside; ignored where the runner is not root.
        inbound: loopback port of the machine → port inside. The only ways in.
        outbound: loopback port inside → ``unix:/path`` or ``127.0.0.1:PORT`` of the machine.
            The only ways out, but for the internet.
        internet: whether to offer a way to other machines, where the machine can.
        memory: bytes that all processes together may use; None: no limit.
        cpu: cores that all processes together may use, where control groups can be written.
        gpus: whether the machine's GPUs are visible.
        isolated: False: a plain child process with the same doors and no namespaces.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")
    argv: tuple[str, ...] = Field(min_length=1)
    env: dict[str, str] = Field(default_factory=dict)
    cwd: Path
    user: str = Field(default="galley", pattern=r"^[a-z][a-z0-9_.-]{0,62}$")
    home: Path
    uid: int = Field(ge=0)
    gid: int = Field(ge=0)
    binds: tuple[Bind, ...] = ()
    inbound: dict[int, int] = Field(default_factory=dict)
    outbound: dict[int, str] = Field(default_factory=dict)
    internet: bool = False
    memory: int | None = Field(default=None, gt=0)
    cpu: float | None = Field(default=None, gt=0)
    gpus: bool = False
    isolated: bool = True

    @field_validator("outbound")
    @classmethod
    def _doors_lead_somewhere(cls, doors: dict[int, str]) -> dict[int, str]:
        for port, target in doors.items():
            if not _DOOR.fullmatch(target):
                raise ValueError(
                    f"door {port} leads to {target!r}: use 'unix:/path' or '127.0.0.1:PORT'"
                )
        return doors
