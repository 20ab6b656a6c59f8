"""A process of jupyter-scheduler for foils.py, by an interpreter that has it: no import of ours.

    PYTHON jupyter_scheduler_firings.py URL LEDGER SCHEDULES WINDOW_S

Its own scheduler, task runner and database, as its server extension starts them, looking each
second instead of each ten. A job writes to the ledger in the process that would execute its
notebook, instead of executing it: what takes seconds to start would hide what is lost.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sys
import time
from pathlib import Path

from jupyter_scheduler.environments import StaticEnvironmentManager
from jupyter_scheduler.executors import ExecutionManager
from jupyter_scheduler.models import CreateJobDefinition, ListJobDefinitionsQuery
from jupyter_scheduler.orm import create_tables
from jupyter_scheduler.scheduler import Scheduler
from traitlets.config import Config

LEDGER = "FOIL_LEDGER"
NOTEBOOK = {
    "cells": [],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


class Noting(ExecutionManager):
    """Notes that its job runs."""

    def execute(self) -> None:
        """Be a job."""
        with Path(os.environ[LEDGER]).open("a") as lines:
            lines.write(f"{self.model.name} {time.time()}\n")

    @classmethod
    def supported_features(cls) -> dict[str, bool]:
        """Nothing beyond running."""
        return {}

    @classmethod
    def validate(cls, *_: object) -> bool:
        """Take every notebook."""
        return True


def main() -> None:
    """Define what is not defined yet, and run it."""
    url, ledger, schedules, _ = sys.argv[1:]
    os.environ[LEDGER] = ledger
    root = Path(ledger).parent
    with (root / "defining").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        create_tables(url)
        (root / "empty.ipynb").write_text(json.dumps(NOTEBOOK))
        config = Config(
            {
                "TaskRunner": {"poll_interval": 1},
                "Scheduler": {
                    "execution_manager_class": Noting,
                    "staging_path": str(root / "staging"),
                },
            }
        )
        scheduler = Scheduler(
            root_dir=str(root),
            environments_manager=StaticEnvironmentManager(),
            db_url=url,
            config=config,
        )
        _define(scheduler, int(schedules))
    asyncio.run(scheduler.task_runner.start())


def _define(scheduler: Scheduler, schedules: int) -> None:
    runner, scheduler.task_runner = scheduler.task_runner, None  # it reads all when it starts
    if not scheduler.list_job_definitions(ListJobDefinitionsQuery()).job_definitions:
        for number in range(schedules):
            scheduler.create_job_definition(
                CreateJobDefinition(
                    input_uri="empty.ipynb",
                    runtime_environment_name="python",
                    name=f"p{number}",
                    schedule="* * * * * */15",  # croniter's sixth field: each 15 seconds
                    timezone="UTC",
                    output_formats=[],
                )
            )
    scheduler.task_runner = runner


if __name__ == "__main__":
    main()
