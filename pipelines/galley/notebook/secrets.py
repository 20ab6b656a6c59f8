"""Likely secrets in text, by the published shapes of well-known tokens.

The shapes are those of *bc-detect-secrets*, the maintained continuation of Yelp's detect-secrets
(which has had no release since May 2024), of those detectors whose match is nearly always real.
Its entropy and keyword detectors are not used: notebooks are full of hashes, ids and images. What
it lacks stands here, by its issuers' documentation. Nothing is ever sent anywhere to be verified.

An assignment of a literal to a name such as ``password`` is only likely, so it is told apart.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple


class _Shape(NamedTuple):
    """One kind of token.

    Attributes:
        hints: lower-case pieces of which one is in each such token: looking for them is much
            faster than the pattern, and nearly no text has one. Empty: always look.
    """

    kind: str
    pattern: re.Pattern[str]
    hints: tuple[str, ...]


_LIBRARY: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("an AWS access key", "aws", "AWSKeyDetector", ("a3t", "abia", "acca", "akia", "asia", "aws")),
    ("a Discord token", "discord", "DiscordBotTokenDetector", (".",)),
    ("a GitHub token", "github_token", "GitHubTokenDetector", ("_",)),
    ("a Mailchimp key", "mailchimp", "MailchimpDetector", ("-us",)),
    ("an npm token", "npm", "NpmDetector", ("npm", "_authtoken")),
    ("a private key", "private_key", "PrivateKeyDetector", ("private key", "putty")),
    ("a SendGrid key", "sendgrid", "SendGridDetector", ("sg.",)),
    ("a Slack token", "slack", "SlackDetector", ("xox", "hooks.slack")),
    ("a Square secret", "square_oauth", "SquareOAuthDetector", ("sq0csp",)),
    ("a Stripe key", "stripe", "StripeDetector", ("k_live_",)),
    ("a Twilio key", "twilio", "TwilioKeyDetector", ("ac", "sk")),
)
"""Kind, module, class and hints of the library's detectors that are used."""

_OWN: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("a GitHub token", r"\bgithub_pat_[A-Za-z0-9_]{60,}\b", ("github_pat_",)),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}", ("glpat-",)),
    ("a Slack token", r"\bxox[abprs]-[A-Za-z0-9-]{10,}", ("xox",)),
    ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}\b", ("aiza",)),
    ("a Hugging Face token", r"\bhf_[A-Za-z]{34}\b", ("hf_",)),
    ("a PyPI token", r"\bpypi-[A-Za-z0-9_-]{50,}", ("pypi-",)),
    ("a Stripe key", r"\b[rs]k_live_[0-9A-Za-z]{20,}\b", ("k_live_",)),
    ("an API key", r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,}", ("sk-",)),
    ("a Databricks token", r"\bdapi[0-9a-f]{32}\b", ("dapi",)),
    ("an Azure storage key", r"AccountKey=[A-Za-z0-9+/=]{60,}", ("accountkey=",)),
    ("a private key", r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----", ("private key",)),
    (
        "a JSON web token",
        r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
        (".eyj",),
    ),
    (
        "a password in an address",
        r"://[^\s:/@'\"{}<>]+:[^\s:/@'\"{}<>]+@[^\s'\"]",
        ("://",),
    ),
)
_NAMING = (ast.Assign, ast.AnnAssign, ast.keyword, ast.Dict)
_RUN = re.compile(r"[\w+/=.\\-]{15}", re.ASCII)
_SHORT = ("://", "xox", "private key", "putty")
"""Each token has such a run of characters, or one of these in it; little text has."""
_SECRET_NAME = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|pwd|secret|api_?key|auth_?token|access_?token|secret_?key)$"
)
_MAY_NAME = ("pass", "pwd", "secret", "key", "token", "\\")
_PLACEHOLDER = re.compile(r"(?i)^(?:|x+|\*+|\.+|<.*>|\$.*|\{.*\}|none|null|test|changeme|your.*)$")


@cache
def _shapes() -> tuple[_Shape, ...]:
    """Return every shape; the library is imported here, because that takes a while."""
    shapes = [_Shape(kind, re.compile(pattern), hints) for kind, pattern, hints in _OWN]
    for kind, module, name, hints in _LIBRARY:
        detector = getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)()
        shapes += [_Shape(kind, pattern, hints) for pattern in detector.denylist]
    return tuple(shapes)


def tokens_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line from 1, kind) of every token of a well-known shape; never the token."""
    lower = text.lower()
    if not (_RUN.search(text) or any(one in lower for one in _SHORT)):
        return
    for shape in _shapes():
        for hint in shape.hints:  # `any` would take longer than the search
            if hint in lower:
                break
        else:
            if shape.hints:
                continue
        for match in shape.pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, shape.kind


def literal_passwords(source: str, nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield (line, name) where a literal is given to a name that says it is a secret.

    Args:
        nodes: of the Python of ``source``.
    """
    lower = source.lower()
    if source.isascii() and not any(one in lower for one in _MAY_NAME):
        return
    for node in [one for one in nodes if type(one) in _NAMING]:
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
