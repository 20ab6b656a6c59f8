"""A kernel of a locked environment, which has no galley, in a person's own JupyterLab."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from galley.client.debugging import Workbench
from galley.domain.debug import DebugKit, DebugLock
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from tests.galley.service.platform import Platform, served

OWN = "ada's own value"
DIGEST = "d" * 64
KIT = DebugKit(
    run=uuid4(),
    tenant="oncology",
    pipeline="daily-report",
    pipeline_name="Daily report",
    version=1,
    attempt=1,
    task=None,
    error=None,
    parameters={},
    notebook={"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []},
    failed=None,
    modules={},
    lock=DebugLock(digest=DIGEST, of_platform=False, python=None, text="", packages={}),
    files=(),
    datasets=(),
    missing=(),
)


@contextmanager
def kernel_of(folder: Path, environment: dict[str, str]) -> Iterator[tuple[KernelManager, Path]]:
    """Start what debugging a run adds, with an interpreter that finds packages but no galley."""
    python = folder / "environments" / "made" / DIGEST / "bin" / "python"
    python.parent.mkdir(parents=True)
    packages = sysconfig.get_path("purelib")  # without its .pth file, which leads to galley
    python.write_text(f'#!/bin/sh\nPYTHONPATH={packages} exec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    desk = Workbench(
        folder / "home",
        {"GALLEY_ENVIRONMENTS": str(folder / "environments")},
        kernels=folder / "kernels",
        installed=dict,
    )
    plan = desk.write(KIT)
    specs = KernelSpecManager(kernel_dirs=[str(folder / "kernels")])
    manager = KernelManager(kernel_name=plan.kernel, kernel_spec_manager=specs)
    manager.start_kernel(env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **environment})
    try:
        yield manager, folder
    finally:
        manager.shutdown_kernel(now=True)


def shown(manager: KernelManager, code: str) -> str:
    """Return what a cell printed, or the error that it raised."""
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        said: list[str] = []

        def hear(message: dict[str, dict[str, str]]) -> None:
            content = message["content"]
            said.append(content.get("text") or content.get("evalue") or "")

        client.execute_interactive(code, output_hook=hear, timeout=60)
        return "".join(said).strip()
    finally:
        client.stop_channels()


def test_a_secret_is_the_persons_own_and_in_no_file_and_no_command_line(
    platform: Platform, tmp_path: Path
) -> None:
    path = "/services/galley/api/v1/tenants/oncology/{}/warehouse"
    for kind, user, value in (("secrets", "olga", "tenants"), ("personal-secrets", "ada", OWN)):
        headers = platform.as_user(user)
        done = platform.client.put(path.format(kind), headers=headers, json={"value": value * 3})
        assert done.status_code == 200, done.text
    token = platform.as_user("ada", server_of="oncology")["Authorization"].removeprefix("Bearer ")
    with served(platform) as url:
        environment = {"GALLEY_URL": f"{url}/services/galley", "JUPYTERHUB_API_TOKEN": token}
        with kernel_of(tmp_path / "desk", environment) as (manager, folder):
            asked = "import galley\nprint(galley.secret('warehouse'))"
            assert shown(manager, asked) == OWN * 3
            lacking = shown(manager, "galley.secret('other')")
            assert "you have no personal value of the secret 'other' in tenant" in lacking
            assert "os.environ['GALLEY_SECRET_OTHER'] = getpass.getpass()" in lacking
            own = "import os; os.environ['GALLEY_SECRET_OTHER'] = 'mine'"
            assert shown(manager, f"{own}\nprint(galley.secret('other'))") == "mine"
            command = "print(open('/proc/self/cmdline').read(), open('/proc/self/environ').read())"
            assert OWN not in shown(manager, command)
            held = [one.read_bytes() for one in folder.rglob("*") if one.is_file()]
            assert not any(OWN.encode() in content for content in held)


def test_without_the_platform_it_says_what_to_do(tmp_path: Path) -> None:
    with kernel_of(tmp_path / "desk", {}) as (manager, _):
        lacking = shown(manager, "import galley\ngalley.secret('my-db.password')")
        assert "it is not in a JupyterLab of the platform" in lacking
        assert "os.environ['GALLEY_SECRET_MY_DB_PASSWORD'] = getpass.getpass()" in lacking
        assert shown(manager, "import sys; print(sys.path[0] == '', 'galley' in dir())") == (
            "True True"
        )
        assert "No module named 'gally'" in shown(manager, "import gally")
