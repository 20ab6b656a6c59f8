"""The forms of secret values in texts, and their replacement: needs nothing but Python."""

from __future__ import annotations

import base64
import html
import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MIN_VALUE = 4
"""Characters below which a value, a line or a form of it is left alone; no secret is shorter."""
_KINDS = frozenset(
    {
        *("stream", "stdout", "stderr", "display_data", "execute_result", "error"),
        *("starting", "busy", "idle", "aborted", "code", "markdown"),
    }
)
_KEYS = frozenset(
    {
        *("kernelspec", "display_name", "language_info", "language", "papermill", "tags"),
        *("cell_type", "source", "outputs", "output_type", "metadata", "attachments"),
        *("name", "text", "data", "transient", "display_id", "execution_count", "wait"),
        *("ename", "evalue", "traceback", "status", "execution_state", "payload"),
        *("user_expressions", "engine_info", "prompt", "password", "comm_id", "target_name"),
        *("target_module", "state", "buffer_paths", "method", "version_major", "version_minor"),
    }
)
"""What messages and notebooks consist of: everybody knows it, and nothing works without it."""
_MEDIA = re.compile(r"(text|image|audio|video|application)/[\w.+-]+")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_LEAST_BASE64 = 8
"""Characters of base64 below which a match would be by chance."""


class Values:
    """Replaces values by ``[secret NAME]``.

    What is replaced is each value as it stands, each line of a value with several, and the forms
    in which values usually show up: escaped as in ``repr``, JSON, HTML and addresses, as
    hexadecimal digits, and as base64, also within longer base64 such as that of
    ``user:password``. What a notebook makes of a value beyond that, one character per line say,
    cannot be known.

    Args:
        values: name → value; none: everything passes as it is.

    Attributes:
        names: form → name of the secret.
        pattern: finds the forms, longer ones first.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self.names = {
            form: name for name, value in sorted(values.items()) for form in _forms(value)
        }
        longest_first = sorted(self.names, key=lambda form: (-len(form), form))
        self.pattern = re.compile("|".join(map(re.escape, longest_first)))

    def __bool__(self) -> bool:
        return bool(self.names)

    def text(self, text: str) -> str:
        """Return a text without values; colours go where they stood within a value."""
        if not self.names:
            return text
        clean = self.pattern.sub(self._mark, text)
        if "\x1b[" in clean and self.pattern.search(plain := _ANSI.sub("", clean)):
            return self.pattern.sub(self._mark, plain)
        return clean

    def tree(self, value: Any, *, keys: bool = True) -> Any:
        """Return JSON, or a message's content, without values in any of its texts.

        A term of the messages' own stays, even where somebody's secret is part of it.

        Args:
            keys: whether in keys, too; not where the keys are those of a format.
        """
        if not self.names:
            return value
        if isinstance(value, str):
            return value if value in _KINDS else self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "surrogateescape")).encode(
                "utf-8", "surrogateescape"
            )
        if isinstance(value, Mapping):
            return {
                self._key(key) if keys else key: self.tree(one, keys=keys)
                for key, one in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.tree(one, keys=keys) for one in value]
        return value

    def _key(self, key: Any) -> Any:
        return key if key in _KEYS or _MEDIA.fullmatch(str(key)) else self.tree(key)

    def _mark(self, match: re.Match[str]) -> str:
        return f"[secret {self.names[match[0]]}]"


def given() -> Values:
    """Return the secrets of the kernel that this runs in, if it was given any."""
    return Values(vars(sys.modules.get("galley_inside_secrets", object)).get("_values", {}))


def _forms(value: str) -> set[str]:
    """Return how a value may show up, itself among it."""
    whole = {value, value.strip()}
    lines = {line.strip() for line in value.splitlines()}
    forms: set[str] = set()
    for part in whole | {line for line in lines if len(line) >= MIN_VALUE}:
        forms |= {
            part,
            html.escape(part),
            html.escape(part, quote=False),
            html.escape(part).replace("&#x27;", "&#39;"),
            json.dumps(part)[1:-1],
            json.dumps(part, ensure_ascii=False)[1:-1],
            repr(part)[1:-1],
            repr(part.encode())[2:-1],
            quote(part),
            quote(part, safe=""),
            quote_plus(part),
            part.encode().hex(),
            part.encode().hex().upper(),
            *_base64_forms(part.encode()),
        }
    return {form for form in forms if len(form) >= MIN_VALUE}


def _base64_forms(data: bytes) -> Iterator[str]:
    """Yield what is the same in base64 whatever stands before and after ``data``."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(data).decode()
        for before in range(3):
            text = encode(bytes(before) + data).decode()
            first = -(-8 * before // 6)  # characters that hold a bit of what stands before
            last = 8 * (before + len(data)) // 6  # those after it hold a bit of what follows
            if len(inner := text[first:last]) >= _LEAST_BASE64:
                yield inner
