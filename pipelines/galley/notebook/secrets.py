"""Likely secrets in text, by the published shapes of well-known tokens.

The patterns are those that the issuers document; a match is nearly always real. An assignment
of a literal to a name such as ``password`` is only likely, so it is told apart.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_TOKENS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b"),
        ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
        ("a Slack token", r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
        ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}\b"),
        ("a Hugging Face token", r"\bhf_[A-Za-z]{34}\b"),
        ("a PyPI token", r"\bpypi-[A-Za-z0-9_-]{50,}"),
        ("a Stripe key", r"\b[rs]k_live_[0-9A-Za-z]{20,}\b"),
        ("an API key", r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,}"),
        ("a Databricks token", r"\bdapi[0-9a-f]{32}\b"),
        ("an Azure storage key", r"AccountKey=[A-Za-z0-9+/=]{60,}"),
        ("a private key", r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
        ("a JSON web token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
        (
            "a password in an address",
            r"\b[a-z][a-z0-9+.-]*://[^\s:/@'\"{}]+:[^\s:/@'\"{}]+@[^\s'\"]",
        ),
    )
)
_SECRET_NAME = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|pwd|secret|api_?key|auth_?token|access_?token|secret_?key)$"
)
_PLACEHOLDER = re.compile(r"(?i)^(?:|x+|\*+|\.+|<.*>|\$.*|\{.*\}|none|null|test|changeme|your.*)$")


def tokens_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line from 1, kind) of every token of a well-known shape; never the token."""
    for kind, pattern in _TOKENS:
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, kind


def literal_passwords(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, name) where a literal is given to a name that says it is a secret."""
    for node in ast.walk(tree):
        for name, value in _assigned(node):
            if (
                isinstance(value, ast.Constant)
                and isinstance(value.value, str)
                and _SECRET_NAME.search(name)
                and not _PLACEHOLDER.match(value.value)
            ):
                yield value.lineno, name


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            name = getattr(target, "id", None) or getattr(target, "attr", None)
            key = target.slice if isinstance(target, ast.Subscript) else None
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                name = key.value
            if name:
                yield name, node.value
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        if isinstance(node.target, ast.Name):
            yield node.target.id, node.value
    elif isinstance(node, ast.keyword) and node.arg:
        yield node.arg, node.value
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value
