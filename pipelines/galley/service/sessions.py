"""From a request to a caller: header tokens, browser sessions, signing in and out."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from galley.domain.tenants import Tenants
from galley.errors import NotSignedIn
from galley.service import xsrf
from galley.service.auth import Hub
from galley.service.callers import Caller, Identity, caller_of, identity_of

HUB_SESSION_COOKIE = "jupyterhub-session-id"
STATE_MAX_AGE_S = 600
_HEADER = re.compile(r"(?:bearer|token)\s+(\S+)\s*", re.IGNORECASE)


def header_token(request: Request) -> str | None:
    """Return the token of the Authorization header, if it has one."""
    match = _HEADER.fullmatch(request.headers.get("Authorization", ""))
    return match[1] if match else None


class Sessions:
    """Recognises callers of the pages and routes under one prefix.

    Args:
        hub: the hub as this prefix sees it (its OAuth client).
        tenants: the tenants in force.
        secret: key of the XSRF tokens.
        own_pages: whether the pages under the prefix are ours and send our XSRF header.
    """

    def __init__(
        self, hub: Hub, tenants: Callable[[], Tenants], secret: bytes, *, own_pages: bool = True
    ) -> None:
        self.hub = hub
        self._tenants = tenants
        self._secret = secret
        self._own_pages = own_pages

    async def caller(self, request: Request) -> Caller:
        """Return who asks.

        Raises:
            NotSignedIn: no credential came, or it is not valid.
            Forbidden: a cookie came without the proof against forgery that a write needs.
            Unavailable: the hub does not answer.
        """
        token = header_token(request)
        browser = token is None
        session = ""
        if token is None:
            token = request.cookies.get(self.hub.cookie_name)
            session = request.cookies.get(HUB_SESSION_COOKIE, "")
        if not token:
            raise NotSignedIn(
                "sign in first: open the page in a browser, or send "
                "'Authorization: Bearer TOKEN' with a token from /hub/token"
            )
        if browser:
            self._check_forgery(request, token)
        model = await self.hub.model_for(token, session=session)
        if model is None:
            raise NotSignedIn("the token or session is not valid (any more): sign in again")
        identity = identity_of(model, token=token, browser=browser, session=session)
        return self.caller_of(identity)

    def caller_of(self, identity: Identity) -> Caller:
        """Return what ``identity`` may do by the tenants in force now."""
        return caller_of(identity, self._tenants())

    async def still(self, caller: Caller) -> Caller | None:
        """Return the caller as of now, or None when the session has ended."""
        identity = caller.identity
        model = await self.hub.model_for(identity.token, session=identity.session)
        return None if model is None else self.caller_of(identity)

    def _check_forgery(self, request: Request, token: str) -> None:
        xsrf.check_origin(request, self.hub.prefix, demand=not self._own_pages)
        if self._own_pages:
            xsrf.check_token(request, self._secret, token)

    def xsrf_token(self, caller: Caller) -> str:
        """Return the XSRF token of a browser's session."""
        return xsrf.xsrf_token(self._secret, caller.identity.token)

    async def sign_in(self, request: Request) -> Response:
        """Return the redirect to the hub; afterwards the browser comes back to this address."""
        next_url = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        began = await self.hub.begin(next_url)
        response = RedirectResponse(began.url, status_code=302)
        response.set_cookie(
            self._state_cookie(began.state),
            began.state,
            max_age=STATE_MAX_AGE_S,
            path=f"{self.hub.prefix}/",
            httponly=True,
            samesite="lax",
            secure=_https(request),
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    async def finish(self, request: Request) -> Response:
        """Return the answer to the hub's redirect: session cookies, and on to the page.

        Raises:
            NotSignedIn: the hub refused, or the sign-in was not begun by this browser.
        """
        query = request.query_params
        if "error" in query:
            reason = query.get("error_description", query["error"])
            raise NotSignedIn(f"JupyterHub refused the sign-in: {reason[:300]}")
        state = query.get("state", "")
        if not state or request.cookies.get(self._state_cookie(state)) != state:
            raise NotSignedIn("this sign-in was not begun in this browser: open the page again")
        done = await self.hub.finish(query.get("code", ""), state)
        response = RedirectResponse(self._local(done.next_url), status_code=302)
        path, secure = f"{self.hub.prefix}/", _https(request)
        response.delete_cookie(self._state_cookie(state), path=path)
        response.set_cookie(
            self.hub.cookie_name,
            done.token,
            path=path,
            httponly=True,
            samesite="lax",
            secure=secure,
        )
        if self._own_pages:
            response.set_cookie(
                xsrf.COOKIE,
                xsrf.xsrf_token(self._secret, done.token),
                path=path,
                samesite="strict",
                secure=secure,
            )
        response.headers["Cache-Control"] = "no-store"
        return response

    def sign_out(self) -> Response:
        """Return the redirect to the hub's own sign-out, with this prefix's cookies cleared."""
        response = RedirectResponse("/hub/logout", status_code=302)
        for name in (self.hub.cookie_name, xsrf.COOKIE):
            response.delete_cookie(name, path=f"{self.hub.prefix}/")
        return response

    def _state_cookie(self, state: str) -> str:
        return f"{self.hub.cookie_name}-state-{re.sub('[^A-Za-z0-9]', '', state)[:12]}"

    def _local(self, url: str) -> str:
        parts = urlsplit(url)
        local = not parts.scheme and not parts.netloc and url.startswith(f"{self.hub.prefix}/")
        return url if local and "\\" not in url else f"{self.hub.prefix}/"


def _https(request: Request) -> bool:
    return request.headers.get("X-Forwarded-Proto", request.url.scheme).startswith("https")
