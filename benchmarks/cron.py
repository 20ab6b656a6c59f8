"""Firings against a simulation of Debian's cron: every zone, every change of thirty years.

``python benchmarks/cron.py [--expressions N] [--seed N] [--zones NAME…]`` goes through every IANA
zone and every change of its clock from 1997 to 2026, and as many ordinary days, each with N
expressions drawn anew and two that lie in the night of a change. It prints in how many windows of
40 hours ``galley.domain.cron`` has just the firings of the simulation, and the first differences.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from galley.domain import cron, timezones

from tests.galley.domain import debian_cron

FIRST, LAST = datetime(1997, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
WINDOW = timedelta(hours=40)
SHOWN = 20
"""Differences printed at most."""

NIGHTLY = ("30 2 * * *", "0 0 * * *", "15,45 1-3 * * *", "*/20 * * * *", "0 * * * *", "5 */2 * * *")


def main() -> None:
    options = _options()
    chance = random.Random(options.seed)
    started = time.monotonic()
    windows = equal = firings = 0
    differences: list[str] = []
    zones = options.zones or timezones.names()
    for number, zone in enumerate(zones, 1):
        for after in _starts(zone, chance):
            drawn = [_expression(chance) for _ in range(options.expressions)]
            for expression in (*chance.sample(NIGHTLY, 2), *drawn):
                found, expected = _both(expression, zone, after)
                windows, firings = windows + 1, firings + len(expected)
                equal += found == expected
                if found != expected and len(differences) < SHOWN:
                    differences.append(f"{expression!r} in {zone} after {after.isoformat()}")
        if sys.stderr.isatty():
            print(f"\r{number}/{len(zones)} zones", end="", file=sys.stderr, flush=True)
    print(
        f"zones {len(zones)}, windows {windows}, firings {firings}, "
        f"agreement {100 * equal / windows:.4f} % ({windows - equal} differ), "
        f"{time.monotonic() - started:.0f} s, seed {options.seed}"
    )
    print("\n".join(differences), end="\n" if differences else "")
    raise SystemExit(bool(differences))


def _both(expression: str, zone: str, after: datetime) -> tuple[list[datetime], list[datetime]]:
    until = after + WINDOW
    found = takewhile(
        lambda at: at <= until, islice(cron.parse(expression, zone).after(after), 2500)
    )
    return list(found), debian_cron.firings(expression, zone, after, until)


def _starts(zone: str, chance: random.Random) -> Iterator[datetime]:
    """Yield an instant before or within each change of the clock, and one of any other day."""
    where = ZoneInfo(zone)
    days = [FIRST + timedelta(days=one) for one in range((LAST - FIRST).days + 1)]
    offsets = [day.astimezone(where).utcoffset() for day in days]
    for (day, old), (_, new) in pairwise(zip(days, offsets, strict=True)):
        if old != new:
            yield day + timedelta(minutes=chance.randrange(-600, 1500))
            yield FIRST + (LAST - FIRST) * chance.random()
    yield FIRST + (LAST - FIRST) * chance.random()


def _expression(chance: random.Random) -> str:
    night = chance.random() < 0.5
    days = (
        ["*", "*", "*"] if night else [_field(chance, *one) for one in ((1, 28), (1, 12), (0, 7))]
    )
    hours = chance.choice(("0", "1", "2", "3", "1,2", "2-3", "0-4", "23", "1-5/2"))
    return " ".join([_field(chance, 0, 59), hours if night else _field(chance, 0, 23), *days])


def _field(chance: random.Random, low: int, high: int) -> str:
    first, last = sorted((chance.randint(low, high), chance.randint(low, high)))
    step = chance.randint(1, high)
    return chance.choice(
        (
            "*",
            f"*/{step}",
            str(first),
            f"{first}-{last}",
            f"{first}-{last}/{step}",
            f"{first},{last}",
        )
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--expressions", type=int, default=2, help="drawn for each window")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--zones", nargs="*", help="only these")
    return parser.parse_args()


if __name__ == "__main__":
    main()
