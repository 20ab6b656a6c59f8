"""When pipelines run by themselves: previews, control, and recording what is due.

Glossary
    firing     an instant at which a schedule asks for a run
    due        a firing that has come and has no run recorded yet
    missed     due, but found late: the platform was down (a paused schedule misses nothing)
    catch-up   what is done with missed firings: run none, the latest one, or all up to a limit
"""

from __future__ import annotations

from galley.schedule.calendar import calendar
from galley.schedule.control import next_firings, pause, resume, set_schedule
from galley.schedule.due import materialise_due, next_due
from galley.schedule.preview import preview, timezones

__all__ = [
    "calendar",
    "materialise_due",
    "next_due",
    "next_firings",
    "pause",
    "preview",
    "resume",
    "set_schedule",
    "timezones",
]
