"""What this machine has to give, and why a profile cannot be had on it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from galley.domain.model import Model
from galley.domain.tenants import Profile

_GPU = re.compile(r"nvidia\d+")


class Machine(Model):
    """CPU cores, memory in bytes and NVIDIA GPUs."""

    cpus: int
    memory: int
    gpus: int


def this_machine(dev: Path = Path("/dev")) -> Machine:
    """Look at this machine; GPUs are found through their device files."""
    return Machine(
        cpus=os.cpu_count() or 1,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        gpus=sum(1 for path in dev.glob("nvidia*") if _GPU.fullmatch(path.name)),
    )


def gpu_devices(dev: Path = Path("/dev")) -> list[str]:
    """Return the device files that a GPU program needs."""
    return sorted(str(path) for path in dev.glob("nvidia*"))


def why_not(profile: Profile, machine: Machine) -> str | None:
    """Return why ``profile`` cannot be had on ``machine``, for people; None if it can."""
    if profile.gpus > machine.gpus:
        have = "has none" if machine.gpus == 0 else f"has {machine.gpus}"
        return f"needs {_count(profile.gpus, 'GPU')}; this machine {have}"
    if profile.cpu > machine.cpus:
        return f"needs {profile.cpu:g} CPU cores; this machine has {machine.cpus}"
    if profile.memory > machine.memory:
        return f"needs {_gib(profile.memory)} of memory; this machine has {_gib(machine.memory)}"
    return None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _gib(size: int) -> str:
    return f"{size / 2**30:.3g} GiB"
