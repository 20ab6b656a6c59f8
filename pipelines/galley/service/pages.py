"""The standalone page: its shell, its files, and the policy they are sent with."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from starlette.responses import FileResponse, HTMLResponse, Response

from galley.errors import NotFound

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}
FOR_EVER = "public, max-age=31536000, immutable"
_HASHED = re.compile(r"[.-][0-9a-f]{8,}[.]")
_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Galley</title>
<h1>Galley</h1>
<p>The service runs, but the web page has not been built.
The operator runs <code>make up</code> in the checkout, or installs the wheel with it inside.</p>
<p>JupyterLab, the <code>galley</code> command and the
<a href="/services/galley/openapi.json">REST API</a> work without it.</p>
</html>
"""


def standalone_folder() -> Path | None:
    """Return the folder of the built page; None where the package is not installed."""
    spec = find_spec("galley_lab")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "standalone"


def shell(folder: Path | None) -> Response:
    """Return the page's shell, or a readable page when it has not been built."""
    index = None if folder is None else folder / "index.html"
    if index is None or not index.is_file():
        return HTMLResponse(_NOT_BUILT, headers=HEADERS)
    return HTMLResponse(index.read_bytes(), headers={**HEADERS, "Cache-Control": "no-cache"})


def static_file(folder: Path | None, path: str) -> Response:
    """Return one of the page's files; those with a hash in their name are kept for ever.

    Raises:
        NotFound: there is no such file.
    """
    root = None if folder is None else folder.resolve()
    file = None if root is None else (root / path).resolve()
    if root is None or file is None or not file.is_relative_to(root) or not file.is_file():
        raise NotFound(f"the page has no file {path!r}")
    cache = FOR_EVER if _HASHED.search(file.name) else "no-cache"
    return FileResponse(file, headers={**HEADERS, "Cache-Control": cache})
