"""Batches of what is logged, as large as MLflow takes them.

Its limits: 1000 metrics, 100 parameters, 100 tags and 1000 of all together, one megabyte.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_MOST = {"metrics": 1000, "params": 100, "tags": 100}
_TOGETHER = 1000
_BYTES = 900_000

Batch = dict[str, list[Any]]


def batches(
    metrics: Sequence[Mapping[str, Any]], params: Mapping[str, str], tags: Mapping[str, str]
) -> Iterator[Batch]:
    """Yield the bodies of ``runs/log-batch``, without the run's id; none where there is nothing."""
    entries: list[tuple[str, Any]] = [
        *(("params", {"key": key, "value": value}) for key, value in params.items()),
        *(("tags", {"key": key, "value": value}) for key, value in tags.items()),
        *(("metrics", {**point, "value": _number(point["value"])}) for point in metrics),
    ]
    batch, size = _empty(), 0
    for kind, entry in entries:
        more = len(json.dumps(entry))
        full = (
            len(batch[kind]) >= _MOST[kind]
            or sum(map(len, batch.values())) >= _TOGETHER
            or size + more > _BYTES
        )
        if full:
            yield batch
            batch, size = _empty(), 0
        batch[kind].append(entry)
        size += more
    if size:
        yield batch


def halves(batch: Batch) -> list[Batch]:
    """Return a batch as two; none for a single entry."""
    entries = [(kind, entry) for kind, items in batch.items() for entry in items]
    if len(entries) < 2:
        return []
    middle = len(entries) // 2
    parts = []
    for some in (entries[:middle], entries[middle:]):
        part = _empty()
        for kind, entry in some:
            part[kind].append(entry)
        parts.append(part)
    return parts


def _empty() -> Batch:
    return {kind: [] for kind in _MOST}


def _number(value: float) -> float | str:
    """Return a number as MLflow's JSON has it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value
