"""What of the files of its host a task sees; see :mod:`galley.inside.walls`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from galley.cluster.address import ClusterAddress
from galley.domain.model import Model
from galley.run.job import Job

_SHOWN = ("tries", "dask", "probe", "proof")
"""Folders of an attempt in which its tasks write, beside the project."""
_IN_MEMORY = Path("/dev/shm")  # noqa: S108  nothing is written there


class Walls(Model):
    """Around one task.

    Attributes:
        hidden: folders of which it sees what is shown, and nothing else.
        shown: paths in them, which it may change.
        read_only: paths, there or elsewhere, that it may read.
        own: folder, such as ``/tmp`` → another one that it sees in its place.
        shared_memory: how much of it there may be in files, bytes; 0: as much as there is.
    """

    hidden: tuple[Path, ...] = ()
    shown: tuple[Path, ...] = ()
    read_only: tuple[Path, ...] = ()
    own: dict[Path, Path] = Field(default_factory=dict)
    shared_memory: int = 0


def walls_of(job: Job, cluster: ClusterAddress | None, datasets: str | None = None) -> Walls | None:
    """Return the walls around the tasks of a job; None: whoever gave it keeps nothing from them.

    Args:
        cluster: the one that they may use; never the one that executes them.
        datasets: folder of the tenant's.
    """
    if job.private is None:
        return None
    tracking, environments = job.tracking, job.environments
    return Walls(
        hidden=(job.private, *((job.machine_gpus,) if job.machine_gpus else ())),
        # Nothing else of the attempt's folder: whoever writes there is not behind walls, and would
        # follow a link that a task has put in the place of a file or a folder.
        shown=(
            job.project,
            *(job.folder / name for name in _SHOWN),
            *((tracking.outbox,) if tracking else ()),
            *((Path(datasets),) if datasets else ()),
        ),
        read_only=(
            *((cluster.ca, cluster.cert, cluster.key) if cluster else ()),
            *((environments,) if environments else ()),
        ),
        own=own_folders(job),
        shared_memory=job.profile.memory if _IN_MEMORY in job.own_scratch else 0,
    )


def own_folders(job: Job) -> dict[Path, Path]:
    """Return folders of all that this sandbox runs → what the job's tasks see there.

    They lie where no task sees them by another name: it could put a link in their place.
    """
    return {
        folder: job.folder / "own" / "-".join(folder.parts[1:])
        for folder in job.own_scratch
        if folder != _IN_MEMORY
    }
