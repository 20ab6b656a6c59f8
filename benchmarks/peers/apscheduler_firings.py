"""A process of APScheduler for foils.py, run by an interpreter that has it: no import of ours.

    PYTHON apscheduler_firings.py URL LEDGER SCHEDULES WINDOW_S

Its best settings for the purpose: a durable job store, late firings allowed, each one run.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path

from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler


def fire(ledger: str, name: str) -> None:
    """Be a job."""
    with Path(ledger).open("a") as lines:
        lines.write(f"{name} {time.time()}\n")


def main() -> None:
    """Schedule what is not scheduled yet, and run it."""
    url, ledger, schedules, window = sys.argv[1:]
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url)},
        job_defaults={"misfire_grace_time": int(window), "coalesce": False, "max_instances": 100},
        timezone="UTC",
    )
    scheduler.start(paused=True)  # what is stored is only looked at from now on
    for number in range(int(schedules)):
        name = f"p{number}"
        if scheduler.get_job(name) is None:
            with suppress(ConflictingIdError):
                scheduler.add_job(fire, "cron", [ledger, name], second="*", id=name)
    scheduler.resume()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
