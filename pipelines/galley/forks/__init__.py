"""Processes that are forked from a warm parent: one that has their imports, and does nothing else.

A room of the ground floor: it knows nothing of what is forked for.
"""

from galley.forks.forked import Forked, read_line, readable
from galley.forks.parent import TO_FORK, WarmParent
from galley.forks.server import RUN, serve_forks

__all__ = ["RUN", "TO_FORK", "Forked", "WarmParent", "read_line", "readable", "serve_forks"]
