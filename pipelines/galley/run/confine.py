"""What of a task's limits the system itself enforces: control groups, where they can be written."""

from __future__ import annotations

from galley.run.guard import INTERVAL_S
from galley.sandbox import cgroup
from galley.sandbox.cgroup import ControlGroup


def confine(
    pid: int, mark: str, *, memory: int, cpu: float | None, limit: str
) -> tuple[ControlGroup | None, str]:
    """Put a task's first process under its limits; return the group, and in words what limits it.

    Args:
        mark: unique name of the task.
        memory: bytes of all its processes.
        cpu: cores; None: all.
        limit: the memory limit as people read it.
    """
    group = cgroup.create(f"task-{mark}", memory=memory, cpu=cpu)
    if group is not None:
        try:
            group.add(pid)
        except OSError:  # It has ended already, or may not be moved.
            group.close()
            group = None
    if group is not None:
        cores = "" if cpu is None else f"{cpu:g} CPU and "
        return group, f"limits: {cores}{limit} of memory, by a control group"
    return None, (
        f"limits: {limit} of memory, by a look every {INTERVAL_S:g} s; CPU only by the number of "
        "threads (no control group can be written here)"
    )
