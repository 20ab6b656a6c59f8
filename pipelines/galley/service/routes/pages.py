"""The standalone page's addresses, signing in and signing out. Include it last."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from galley.errors import NotFound, NotSignedIn
from galley.service import PREFIX, pages
from galley.service.context import InContext

router = APIRouter(prefix=PREFIX, include_in_schema=False)
_NOT_PAGES = ("api/", "internal/", "static/")


@router.get("/oauth_callback")
async def oauth_callback(request: Request, context: InContext) -> Response:
    """Finish a browser's sign-in."""
    return await context.sessions.finish(request)


@router.get("/logout")
async def logout(context: InContext) -> Response:
    """Forget the browser's session here and at the hub."""
    return context.sessions.sign_out()


@router.get("/static/{path:path}")
def static(path: str) -> Response:
    """Return a file of the page; they hold no data of anybody."""
    return pages.static_file(pages.standalone_folder(), path)


@router.get("")
async def no_slash() -> Response:
    """Add the slash."""
    return RedirectResponse(f"{PREFIX}/", status_code=302)


@router.get("/{path:path}")
async def page(path: str, request: Request, context: InContext) -> Response:
    """Return the page's shell, for every address of it, to somebody who is signed in."""
    if path.startswith(_NOT_PAGES):
        raise NotFound(f"there is nothing at {PREFIX}/{path}")
    try:
        await context.sessions.caller(request)
    except NotSignedIn:
        return await context.sessions.sign_in(request)
    return pages.shell(pages.standalone_folder())
