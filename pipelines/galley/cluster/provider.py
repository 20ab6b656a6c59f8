"""The interface of all places a cluster comes from; the worker host owns one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from galley.cluster.address import ClusterAddress
from galley.errors import GalleyError


class ClusterUnavailable(GalleyError):
    """No cluster could be started; the message says why."""


class ClusterProvider(Protocol):
    """Gives attempts a cluster that is warm while it is used. Safe to use from several threads."""

    def acquire(self, starting: Callable[[], None] = lambda: None) -> ClusterAddress:
        """Return a living cluster, started or restarted where needed; pair with :meth:`release`.

        Args:
            starting: called before one is started, which takes seconds.

        Raises:
            ClusterUnavailable: it does not start.
        """

    def release(self) -> None:
        """Say that one attempt has ended."""

    def tend(self) -> None:
        """Scale to zero what has been idle for too long; called every few seconds."""

    def close(self) -> None:
        """End the cluster."""
