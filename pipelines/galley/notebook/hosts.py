"""The hosts that a notebook's source names: a run may have no way to them.

URLs in text and in shell commands, and text given to a name such as ``host=``. A host is all that
is told of a URL: the rest of it may hold a password.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from galley.notebook.source import Cell

MAX_HOST = 253
"""Longest name of a host, characters (RFC 1035)."""

_URL = re.compile(
    r"\b(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,20})://(?:[^\s/@'\"]*@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)"
)
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]*[A-Za-z0-9]")
_HOST_NAMES = re.compile(r"(?i)(?:^|_)(?:host|hostname|server|endpoint|broker)$")
_MAY_NAME = ("host", "server", "endpoint", "broker")
_NO_HOSTS = frozenset({"file", "sqlite", "duckdb", "memory"})
_NAMESPACES = frozenset({"www.w3.org", "schemas.openxmlformats.org", "schema.org", "purl.org"})
"""Names in URLs that are identifiers and are not fetched."""
_SHELLS = frozenset({"bash", "sh", "script"})


def hosts_of(cell: Cell) -> dict[str, int]:
    """Return host → first line of it in the cell."""
    return _first(_found(cell))


def hosts_in_text(source: str) -> dict[str, int]:
    """Return host → first line of it in a URL of code that is not Python."""
    return _first(_in_lines(source))


def _first(found: Iterator[tuple[str, int]]) -> dict[str, int]:
    lines: dict[str, int] = {}
    for host, line in sorted(found, key=lambda one: one[1]):
        lines.setdefault(host, line)
    return lines


def _in_lines(source: str) -> Iterator[tuple[str, int]]:
    for number, text in enumerate(source.splitlines(), start=1):
        yield from ((host, number) for host in _in_urls(text.partition(" #")[0]))


def _found(cell: Cell) -> Iterator[tuple[str, int]]:
    if cell.code.magic in _SHELLS:
        yield from _in_lines(cell.source)
        return
    for literal in cell.texts:
        yield from ((host, literal.lineno) for host in _in_urls(str(literal.value)))
    lower = cell.source.lower()
    if lower.isascii() and not any(one in lower for one in _MAY_NAME):
        return
    for node in [one for one in cell.nodes if type(one) in (ast.keyword, ast.Assign)]:
        for name, value in _named(node):
            if _HOST_NAMES.search(name) and _is_host(value.value):
                yield value.value.lower(), value.lineno


def _is_host(text: str) -> bool:
    return len(text) <= MAX_HOST and _HOST.fullmatch(text) is not None


def _in_urls(text: str) -> Iterator[str]:
    if "://" not in text:
        return
    for match in _URL.finditer(text):
        scheme, host = match["scheme"].lower(), match["host"].lower()
        if scheme in _NO_HOSTS or host in _NAMESPACES:
            continue
        dotted = "." in host or host == "localhost" or host.startswith("[")
        yield host if dotted else f"{scheme}://{host}"


def _named(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Yield (name, constant) of text that is given to a name or a keyword."""
    pairs: list[tuple[str | None, ast.expr]] = []
    if isinstance(node, ast.keyword):
        pairs = [(node.arg, node.value)]
    elif isinstance(node, ast.Assign):
        pairs = [(getattr(target, "id", None), node.value) for target in node.targets]
    for name, value in pairs:
        if name and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield name, value
