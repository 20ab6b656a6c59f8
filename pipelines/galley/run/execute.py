"""One attempt from its job's file to its outcome in the journal."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from galley.domain.runs import AttemptState
from galley.domain.work import Outcome, TaskSecrets
from galley.run.job import Job
from galley.run.journal import Journal
from galley.run.locked import Locked
from galley.run.runner import Runner
from galley.run.secrets import HANDED


class JobRunner(Protocol):
    """What executes a job: a :class:`Runner`, or a rehearsal around one."""

    def cancel(self) -> None:
        """End the attempt; may be called from a signal handler at any time."""

    def run(self) -> Outcome:
        """Execute the job and return how it ended."""

    def close(self) -> None:
        """Leave nothing of it."""


def execute_job(
    job_path: Path,
    environment: Mapping[str, str],
    on_cancel: Callable[[Callable[[], None]], None],
    make: Callable[[Job, Journal, Mapping[str, str]], JobRunner] = Runner,
) -> Outcome:
    """Run the job in a file and write its outcome to the journal.

    Args:
        environment: of this process, and what its host gave it: also the attempt's secrets.
        on_cancel: given the function that cancels the attempt.
    """
    job = Job.model_validate_json(job_path.read_bytes())
    secrets = TaskSecrets.model_validate_json(environment.get(HANDED) or "{}")
    job = job.model_copy(update={"secrets": secrets})
    os.chdir(job.project)
    journal = Journal(job.journal)
    if secrets.error is not None:
        failed = AttemptState.FAILED, secrets.failure_class, secrets.error
        outcome = Runner(job, journal, environment, Locked()).ended(*failed)
    else:
        attempt = make(job, journal, {**environment, HANDED: ""})
        on_cancel(attempt.cancel)
        outcome = attempt.run()
        try:
            attempt.close()
        except Exception as error:  # how it ended is not to be lost for that
            journal.write(f"what it used could not be ended: {error!r}")
    journal.end(outcome)
    return outcome
