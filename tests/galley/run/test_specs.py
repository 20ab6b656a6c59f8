"""Which kernels a fork can stand for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from galley.run.specs import batch_interpreter, interpreter
from galley.run.zygotes import NoZygote
from jupyter_client.kernelspec import KernelSpec

LAUNCHER = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]


def spec(*argv: str, **named: Any) -> KernelSpec:
    return KernelSpec(argv=list(argv), display_name="Mine", language="python", **named)


@pytest.mark.parametrize("first", ["python", "python3", sys.executable])
def test_the_native_kernel_is_a_fork_of_ours(first: str) -> None:
    made = spec(first, "-Xfrozen_modules=off", *LAUNCHER)
    assert batch_interpreter(made) == Path(sys.executable)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (spec("xpython", "-f", "{connection_file}"), "only ipykernel can be forked"),
        (spec("python", "-O", *LAUNCHER), "only ipykernel can be forked"),
        (spec("python", *LAUNCHER, "--matplotlib=inline"), "arguments of its own"),
        (spec("/no/such/python", *LAUNCHER), "there is no interpreter /no/such/python"),
        (
            spec("python", *LAUNCHER, metadata={"kernel_provisioner": {"provisioner_name": "x"}}),
            "a provisioner of its own",
        ),
    ],
)
def test_what_a_fork_would_not_be_is_said(made: KernelSpec, says: str) -> None:
    with pytest.raises(NoZygote, match=says):
        batch_interpreter(made)


def test_a_kernel_with_sockets_takes_its_arguments() -> None:
    python, arguments = interpreter([sys.executable, *LAUNCHER[:3], "/x.json", "--quiet"])
    assert (str(python), arguments) == (sys.executable, ["-f", "/x.json", "--quiet"])
