"""Why a notebook did not run offline, in a few words that can be counted."""

from __future__ import annotations

import re

NETWORK = re.compile(
    r"URLError|ConnectionError|ConnectTimeout|gaierror|MaxRetry|NewConnection|"
    r"Temporary failure in name resolution|Network is unreachable|ProxyError|SSLError"
)
MODULE = re.compile(r"No module named '([^']+)|cannot import name '(\w+)' from '([\w.]+)'")


def why(error: str) -> str:
    """Return the cause of an error ``Name: message``, without what differs from case to case."""
    if match := MODULE.search(error):
        return f"missing module {match[1]}" if match[1] else f"{match[3]} has no {match[2]}"
    if NETWORK.search(error):
        return "network"
    name = error.split(":")[0]
    if name in {"FileNotFoundError", "NotADirectoryError"}:
        return "missing file"
    return name
