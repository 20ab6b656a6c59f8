"""What a host's report adds to the files of its attempt: the log, and what the tasks use.

A disk may be full while the database still works. Then the report counts all the same, or a
healthy attempt would be lost with its lease; what was not written, the host sends again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from galley.domain.usage import Usage
from galley.domain.work import Heartbeat, Outcome
from galley.service.logs import Logs
from galley.service.resources import Resources
from galley.store.runs import AttemptRef

_log = logging.getLogger(__name__)


@dataclass
class Kept:
    """What was written of a report.

    Attributes:
        log_size: bytes of the attempt's log that are kept by now; None: it did not grow.
        newest: task → what it uses now, where that is news.
        missing: in one sentence what could not be written and why; None: all of it was.
    """

    log_size: int | None = None
    newest: Mapping[str, Usage] = field(default_factory=dict)
    missing: str | None = None


def keep(
    logs: Logs, resources: Resources, attempt: AttemptRef, report: Heartbeat | Outcome
) -> Kept:
    """Write what a report adds, unless it is stale, which dispatch then refuses.

    A report that comes again adds nothing twice, also where a part of it was written.
    """
    kept = Kept()
    if attempt.ended or attempt.fencing != report.fencing:
        return kept
    if report.log:
        with _noting(kept, f"the log of the attempt {attempt.id}"):
            kept.log_size = logs.append(attempt.id, report.log_offset, report.log)
    if isinstance(report, Heartbeat):
        with _noting(kept, f"what the attempt {attempt.id} uses"):
            kept.newest = resources.append(attempt.id, report.used)
    return kept


@contextmanager
def _noting(kept: Kept, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _log.warning("%s cannot be written: %s", what, error)
        why = error.strerror or type(error).__name__  # without the path, which is ours
        kept.missing = f"{what} cannot be written ({why}): send it again"
