"""One rehearsal: the clean run that reviewers see, then the proof of its split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from galley.domain.work import Outcome
from galley.run.runner import execute_job


def execute_rehearsal(
    job_path: Path,
    environment: Mapping[str, str],
    on_cancel: Callable[[Callable[[], None]], None],
) -> Outcome:
    """Run the job in a file and write its outcome to the journal."""
    return execute_job(job_path, environment, on_cancel)
