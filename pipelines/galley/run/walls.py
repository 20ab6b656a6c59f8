"""What of the files of its host a task sees; see :mod:`galley.inside.walls`."""

from __future__ import annotations

from pathlib import Path

from galley.cluster.address import ClusterAddress
from galley.domain.model import Model
from galley.run.job import Job


class Walls(Model):
    """Around one task.

    Attributes:
        hidden: folders of which it sees what is shown, and nothing else.
        shown: paths in them, which it may change.
        read_only: paths, there or elsewhere, that it may read.
    """

    hidden: tuple[Path, ...] = ()
    shown: tuple[Path, ...] = ()
    read_only: tuple[Path, ...] = ()


def walls_of(job: Job, cluster: ClusterAddress | None) -> Walls | None:
    """Return the walls around the tasks of a job; None: whoever gave it keeps nothing from them.

    Args:
        cluster: the one that they may use; never the one that executes them.
    """
    if job.private is None:
        return None
    tracking, environments = job.tracking, job.environments
    return Walls(
        hidden=(job.private,),
        shown=(job.folder, *((tracking.outbox,) if tracking else ())),
        read_only=(
            *((cluster.ca, cluster.cert, cluster.key) if cluster else ()),
            *((environments,) if environments else ()),
        ),
    )
