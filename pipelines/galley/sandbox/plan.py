"""The runner's instructions for one sandbox: plain JSON, so that the runner needs no models."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from galley.sandbox import bubblewrap
from galley.sandbox.machine import gpu_devices
from galley.sandbox.spec import SandboxSpec

DNS = "10.0.2.3"
"""Where slirp4netns answers name look-ups."""


def write_plan(spec: SandboxSpec, spec_path: Path) -> list[str]:
    """Write what the runner needs beside ``spec_path`` and return the runner's argv."""
    spec_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    plan = plan_of(spec, spec_path.with_suffix(".etc"))
    temporary = spec_path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(plan, file)
    temporary.replace(spec_path)
    return [sys.executable, "-P", "-m", "galley.sandbox", str(spec_path)]


def plan_of(spec: SandboxSpec, etc: Path) -> dict[str, Any]:
    """Return the plan, and write the sandbox's own files of ``/etc`` to ``etc``."""
    as_root = os.geteuid() == 0
    plan: dict[str, Any] = {
        "name": spec.name,
        "isolated": spec.isolated,
        "env": spec.env,
        "cwd": str(spec.cwd),
        "argv": list(spec.argv),
        "inbound": [[outside, inside] for outside, inside in spec.inbound.items()],
        "outbound": [[inside, target] for inside, target in spec.outbound.items()],
        "memory": spec.memory,
        "cpu": spec.cpu,
        "uid": spec.uid if as_root else None,
        "internet": None,  # the path of slirp4netns
    }
    if spec.isolated:
        _write_etc(spec, etc, as_root=as_root)
        plan["bwrap"] = shutil.which("bwrap") or "bwrap"
        plan["options"] = bubblewrap.options(
            spec, etc, as_root=as_root, gpu_devices=gpu_devices(), sized=_can_size(plan["bwrap"])
        )
        plan["argv"] = [*(bubblewrap.drop_privileges(spec) if as_root else []), *spec.argv]
        plan["internet"] = shutil.which("slirp4netns") if spec.internet else None
    return plan


@cache
def _can_size(bwrap: str) -> bool:
    """Whether this bubblewrap knows ``--size``, which older ones refuse."""
    said = subprocess.run([bwrap, "--help"], capture_output=True, text=True, check=False)
    return "--size" in said.stdout + said.stderr


def _write_etc(spec: SandboxSpec, etc: Path, *, as_root: bool) -> None:
    uid, gid = (spec.uid, spec.gid) if as_root else (os.getuid(), os.getgid())
    nobody = "" if uid == 65534 else "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    files = {
        "passwd": f"{spec.user}:x:{uid}:{gid}:{spec.user}:{spec.home}:/bin/bash\n{nobody}",
        "group": f"{spec.user}:x:{gid}:\nnogroup:x:65534:\n",
        "hosts": f"127.0.0.1 localhost {spec.name}\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "resolv.conf": f"nameserver {DNS}\n" if spec.internet else "",
    }
    etc.mkdir(mode=0o700, exist_ok=True)
    for name, text in files.items():
        (etc / name).write_text(text)
        (etc / name).chmod(0o644)
