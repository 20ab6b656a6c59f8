"""Imported by what forks the processes of chaos.py: a store with schedules, each query known to it.

Of a process that lives for a second most would be spent on what is done the first time.
"""

from __future__ import annotations

import gc
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from _service import TENANTS_ROOMY, service
from galley import dispatch, schedule
from galley.domain.runs import AttemptState
from galley.domain.work import LeaseRequest, Outcome
from galley.service.leading import Leading
from galley.store import Store
from galley.store.tokens import HostIdentity

from tests.galley.world import START, World

URL = os.environ["GALLEY_CHAOS_URL"]
FOLDER = Path(os.environ["GALLEY_CHAOS_FOLDER"])
SCHEDULES = 2
_FIRES = {"cron": "* * * * *", "timezone": "UTC", "catch_up": "all", "catch_up_limit": 1000}


def _prepare() -> Store:
    store, now = Store(URL), datetime.now(UTC)
    world = World(store)
    for number in range(SCHEDULES):
        world.live(f"p{number}", schedule=_FIRES, retries=10, content=f"p{number}")
    leading = Leading(store, ["warm"], lambda: now, time.monotonic)
    service(store, FOLDER, lambda: START, leading)
    leading.beat()
    leading.close()
    host, asked = HostIdentity(tenant="lab", author=None, run=None), LeaseRequest(host="h")
    store.write(lambda s: schedule.materialise_due(s, TENANTS_ROOMY, START))
    world.request("p0")
    store.read(lambda s: dispatch.finds_work(s, TENANTS_ROOMY, host, now))
    leased = store.write(lambda s: dispatch.claim(s, TENANTS_ROOMY, host, asked, now))
    assert leased is not None
    store.write(lambda s: dispatch.start(s, leased.attempt, leased.fencing, now))
    done = Outcome(fencing=leased.fencing, state=AttemptState.SUCCEEDED, duration_s=0)
    store.write(lambda s: dispatch.finish(s, leased.attempt, done, now))
    store.write(lambda s: dispatch.reap(s, now))
    store.close()
    return store


WARM = _prepare()
gc.collect()
gc.freeze()
gc.disable()


def warm_store() -> Store:
    """Return a store with connections of its own, in a process forked from this one."""
    store = Store(URL)
    store._database = WARM._database
    return store
