"""The chain of ``chain.py`` as a Prefect flow, for an interpreter that has Prefect and papermill.

    PYTHON prefect_chain.py PROJECT STEPS

Executes ``tasks/step0.ipynb`` and so on in PROJECT, each in a task of its own, one after another;
prints the seconds from the call of the flow to its end. The server is there before.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.update(
    PREFECT_HOME=tempfile.mkdtemp(prefix="prefect-"),
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="true",
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="180",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
)
import papermill
from prefect import flow, task


@task
def execute(source: str, output: str, before: str | None) -> str:  # noqa: ARG001  what it waits for
    papermill.execute_notebook(source, output, kernel_name="python3", progress_bar=False)
    return output


@flow
def nothing() -> None:
    """Have the server started."""


@flow
def chain(project: str, steps: int) -> None:
    made = None
    for step in range(steps):
        source = f"{project}/tasks/step{step}.ipynb"
        made = execute(source, f"{project}/output/prefect{step}.ipynb", made)


def main() -> None:
    project, steps = sys.argv[1], int(sys.argv[2])
    (Path(project) / "output").mkdir(exist_ok=True)
    nothing()
    began = time.perf_counter()
    chain(project, steps)
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
