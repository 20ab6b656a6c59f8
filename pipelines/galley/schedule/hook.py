"""Webhooks: a signed request starts a run, and the same request never starts a second one."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from galley.domain.tenants import Tenant
from galley.domain.triggers import (
    HOOK_OPEN,
    HOOK_WINDOW_S,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    HookRequest,
)
from galley.errors import Conflict, NotSignedIn
from galley.schedule.firing import Key, keep, run_of
from galley.store import run_parameters, runnable, runs, schedules, trigger_firings
from galley.store.own_parameters import own_values
from galley.store.tables import PipelineRow
from galley.store.trigger_tables import TriggerRow

SCHEME = "v1="
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the header's value for a request: ``v1=`` and HMAC-SHA256 of ``TIMESTAMP.BODY``."""
    signed = timestamp.encode() + b"." + body
    return SCHEME + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def check_signature(
    secret: str | None, timestamp: str, given: str, body: bytes, now: datetime
) -> datetime:
    """Return the instant at which a request was signed.

    Args:
        secret: None: there is no such trigger, which nobody is told from a wrong signature.

    Raises:
        NotSignedIn: the signature is wrong, or too old, or from the future.
    """
    expected = signature(secret or "no such trigger", timestamp, body)
    same = hmac.compare_digest(expected.encode(), given.encode())
    if not same or secret is None or not _TIMESTAMP.fullmatch(timestamp):
        raise NotSignedIn(
            f"the signature is wrong, or there is no such trigger: {SIGNATURE_HEADER} is "
            f"'{SCHEME}' and the HMAC-SHA256, in hex, of {TIMESTAMP_HEADER} (whole seconds since "
            "1970), a dot and the body, with the trigger's secret as key"
        )
    apart = int(timestamp) - now.timestamp()
    if abs(apart) > HOOK_WINDOW_S:
        raise NotSignedIn(
            f"the request was signed {abs(apart):.0f} s {'after' if apart > 0 else 'before'} now; "
            f"at most {HOOK_WINDOW_S} s are taken: sign it anew, and look at the clock"
        )
    return datetime.fromtimestamp(int(timestamp), UTC)


def receive(
    session: Session,
    row: TriggerRow,
    tenant: Tenant,
    request: HookRequest,
    given: str,
    signed_at: datetime,
    now: datetime,
) -> UUID:
    """Record the run that a genuine request asks for; return its id.

    Args:
        given: the signature. It is the run's key: replayed within its window, it is refused.

    Raises:
        Conflict: it was taken before, or the trigger is paused, has too much to do, or its
            pipeline has no live version.
        InvalidInput: a parameter is not valid for the live version; ``field`` names it.
    """
    pipeline = session.get_one(PipelineRow, row.pipeline_id)
    if row.paused:
        raise Conflict(f"The trigger {row.name!r} is paused, by {row.paused_by}: nothing is run.")
    version = runnable.version(session, pipeline, None)
    if trigger_firings.open_runs(session, row) >= HOOK_OPEN:
        raise Conflict(
            f"The trigger {row.name!r} has {HOOK_OPEN} runs waiting or under way: ask again later."
        )
    date = request.logical_date or signed_at
    interval = schedules.interval_before(session, row.pipeline_id, date)
    run = run_of(row, version, Key(uuid5(row.series, given), signed_at), interval, now)
    own = own_values(session, row, version, interval, run.id, request.parameters)
    run.parameters = run_parameters.values_of(version, tenant, own, interval)
    if not runs.record(session, run, now):
        raise Conflict(
            "This request was taken before: a signature starts one run. Sign it anew, a second "
            "later, to start another."
        )
    cause = {"request": hashlib.sha256(given.encode()).hexdigest()[:32]}
    keep(session, row, run, {**cause, "signed_at": signed_at.isoformat()}, None, now)
    return run.id
