"""The locked environment of a version: resolved, installed once, found again by its digest.

Glossary
    wanted       requirement lines: what the notebook imports, or what its author states instead
    lock         the exact distributions that meet them, with the hashes of their files
    platform     the environment that Galley itself runs in; it serves where it has all of that
    environment  a virtual environment that holds a lock's distributions and nothing else
"""

from galley.locking.accept import accept_lock, lock_facts
from galley.locking.environments import Environment, Environments
from galley.locking.lock import Lock, LockedPackage, lock_digest, lock_text, read_lock
from galley.locking.personal import personal_environment
from galley.locking.platform import constraints, platform_lock, serves
from galley.locking.resolve import lock_wanted, resolve
from galley.locking.uv import Stopped, Unresolvable, Uv

__all__ = [
    "Environment",
    "Environments",
    "Lock",
    "LockedPackage",
    "Stopped",
    "Unresolvable",
    "Uv",
    "accept_lock",
    "constraints",
    "lock_digest",
    "lock_facts",
    "lock_text",
    "lock_wanted",
    "personal_environment",
    "platform_lock",
    "read_lock",
    "resolve",
    "serves",
]
