"""Who executes what: requests, leases, reports, lost hosts, cancelling and retrying.

Glossary
    lease     a host's right to execute a run; it ends unless heartbeats renew it
    fencing   number of the attempt; a report with an older one comes too late and is refused
    repeat    a new attempt that the platform makes by itself, after a failure of its own
    retry     a new attempt that a person asks for
"""

from __future__ import annotations

from galley.dispatch.claim import claim, claim_all, finds_work
from galley.dispatch.control import cancel, retry
from galley.dispatch.progress import take_tracked
from galley.dispatch.reap import reap
from galley.dispatch.report import finish, heartbeat, log_grew, start
from galley.dispatch.request import request_run, request_trial
from galley.dispatch.secrets import give_secrets
from galley.dispatch.unheard import take_back
from galley.dispatch.waiting import WaitingRehearsal, rehearsals_waiting
from galley.dispatch.why import why_queued

__all__ = [
    "WaitingRehearsal",
    "cancel",
    "claim",
    "claim_all",
    "finds_work",
    "finish",
    "give_secrets",
    "heartbeat",
    "log_grew",
    "reap",
    "rehearsals_waiting",
    "request_run",
    "request_trial",
    "retry",
    "start",
    "take_back",
    "take_tracked",
    "why_queued",
]
