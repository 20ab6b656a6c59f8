"""A Landlock domain of a task's own: it can neither trace nor signal what is outside of it.

It is the wall of a kernel that is started like any other program, without the namespaces of a
forked one: of its uid it reaches only what it started itself, and not the environment or the memory
of a sibling. Who made the domain still reaches into it. Linux 6.12 and newer know domains for
signals; before that a domain only ends tracing, and has to restrict files as well: then it is one
that forbids what a task could not do anyway. See landlock(7).
"""

from __future__ import annotations

import ctypes
import os
import struct

_LIBC = ctypes.CDLL(None, use_errno=True)
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION = 1
_SCOPE_SIGNAL = 1 << 1
_MAKE_BLOCK, _REFER = 1 << 11, 1 << 13
_BENEATH = 1
SCOPES, REFER = 6, 2
"""The first versions of Landlock that know scopes, and moving files between folders."""


def version() -> int:
    """Return the version of Landlock here; 0: it is not to be had."""
    return max(int(_LIBC.syscall(_CREATE_RULESET, None, 0, _VERSION)), 0)


def enter() -> str:
    """Put this process, and all that it starts from now on, into a domain of their own.

    Returns what stands in the way, else an empty text. Without ``no_new_privs`` and without
    capabilities it cannot be had.
    """
    found = version()
    if found < REFER:
        return "Landlock is not to be had here (Linux 5.19 and newer have it)"
    scoped = found >= SCOPES
    handled = 0 if scoped else _MAKE_BLOCK | _REFER
    attributes = struct.pack("QQQ", handled, 0, _SCOPE_SIGNAL)[: 24 if scoped else 8]
    ruleset = _LIBC.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return _why("landlock_create_ruleset")
    try:
        # Files could not be moved between folders otherwise.
        if not scoped and (said := _allow_everywhere(ruleset, _REFER)):
            return said
        if _LIBC.syscall(_RESTRICT_SELF, ruleset, 0) != 0:
            return _why("landlock_restrict_self")
    finally:
        os.close(ruleset)
    return ""


def _allow_everywhere(ruleset: int, what: int) -> str:
    root = os.open("/", os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", what, root)
        failed = _LIBC.syscall(_ADD_RULE, ruleset, _BENEATH, rule, 0)
        return _why("landlock_add_rule") if failed else ""
    finally:
        os.close(root)


def _why(call: str) -> str:
    return f"{call}: {os.strerror(ctypes.get_errno())}"
