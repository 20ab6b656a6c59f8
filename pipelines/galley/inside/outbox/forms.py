"""How the value of a secret may show up in a text."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

MIN_VALUE = 4
"""Characters below which a value, a line or a form of it is left alone; no secret is shorter."""
_LEAST_BASE64 = 8
"""Characters of base64 below which a match would be by chance."""


def forms(value: str) -> set[str]:
    """Return how a value may show up, itself among it."""
    whole = {value, value.strip()}
    lines = {line.strip() for line in value.splitlines()}
    found: set[str] = set()
    for part in whole | {line for line in lines if len(line) >= MIN_VALUE}:
        found |= {
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
    return {form for form in found if len(form) >= MIN_VALUE}


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
