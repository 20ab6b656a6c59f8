"""Jobs for the tests."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from galley.domain.runs import RunKind
from galley.domain.tenants import Profile
from galley.run.job import Job

from tests.galley.run.forking import zygotes


def make_job(folder: Path, *, memory: int = 2**30, **changes: Any) -> Job:
    """Return a job whose project is ``folder/project``; any field can be given."""
    fields: dict[str, Any] = {
        "attempt": uuid.uuid4(),
        "run": uuid.uuid4(),
        "number": 1,
        "kind": RunKind.REHEARSAL,
        "tenant": "oncology",
        "pipeline": "survival",
        "version": 3,
        "parameters": {},
        "profile": Profile(display_name="Small", cpu=1, memory=memory),
        "profile_name": "cpu-small",
        "started_at": datetime.now(UTC),
        "timeout_s": 120,
        "scratch_limit": 10**9,
        "project": folder / "project",
        "folder": folder / "attempt",
        "grace_s": 2,
        "zygotes": zygotes(),
        **changes,
    }
    (folder / "attempt").mkdir(exist_ok=True)
    return Job(**fields)
