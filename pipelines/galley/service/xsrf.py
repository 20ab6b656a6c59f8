"""Cross-site request forgery: a cookie alone never writes.

The token is a double-submit cookie bound to the session: ``HMAC(secret, session token)``. A page of
another origin can neither read it nor make one. Where a foreign page cannot send our header because
it is not ours (MLflow's), the browser's own word on the origin is asked for instead.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.requests import Request

from galley.errors import Forbidden

COOKIE = "_galley_xsrf"
HEADER = "X-XSRFToken"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def xsrf_token(secret: bytes, session_token: str) -> str:
    """Return the XSRF token of a session."""
    return hmac.new(secret, session_token.encode(), hashlib.sha256).hexdigest()


def check_token(request: Request, secret: bytes, session_token: str) -> None:
    """Do nothing if the request carries its session's XSRF token, or only reads.

    Raises:
        Forbidden: it does not.
    """
    if request.method in SAFE_METHODS:
        return
    expected = xsrf_token(secret, session_token)
    header = request.headers.get(HEADER, "")
    cookie = request.cookies.get(COOKIE, "")
    if not (hmac.compare_digest(header, expected) and hmac.compare_digest(cookie, expected)):
        raise Forbidden(
            f"the {HEADER} header does not match this session: reload the page and try again",
            reason="xsrf",
        )


def check_origin(request: Request, prefix: str, *, demand: bool) -> None:
    """Do nothing if the browser says that the request comes from a page under ``prefix``.

    Args:
        request: a request that is authenticated by a cookie.
        prefix: path of the pages that may write here.
        demand: refuse a request about which the browser says nothing at all.

    Raises:
        Forbidden: it comes from elsewhere.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    referer = request.headers.get("Referer")
    host = request.headers.get("Host", "")
    wrong = (
        (site is not None and site != "same-origin")
        or (origin is not None and urlsplit(origin).netloc != host)
        or (referer is not None and not _under(referer, host, prefix))
        or (demand and site is None and origin is None)
    )
    if wrong:
        raise Forbidden(
            f"a write with a browser's cookie must come from a page under {prefix}/",
            reason="origin",
        )


def _under(referer: str, host: str, prefix: str) -> bool:
    parts = urlsplit(referer)
    return parts.netloc == host and (parts.path + "/").startswith(prefix + "/")
