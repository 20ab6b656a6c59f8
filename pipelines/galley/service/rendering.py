"""Executed notebooks as HTML, for a sandboxed frame: no script, nothing from elsewhere.

nbconvert's lab template is rendered without its scripts (RequireJS, MathJax and widgets come from
other hosts); figures are inline and formulas MathML. What protects the reader is the policy in
:data:`HEADERS`: even a direct link runs nothing and has no origin. No file is read: what a picture
names would be one of this service's. The page is cached on disk by the notebook's hash.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from galley.service.artifacts import write_atomically
from galley.service.completing import completed

logger = logging.getLogger(__name__)

CSP = (
    "sandbox; default-src 'none'; img-src data:; media-src data:; "
    "style-src 'unsafe-inline'; font-src data:"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}
KEPT = timedelta(days=30)
MOST_SHOWN = 32 * 2**20
"""Largest notebook that is rendered, bytes: rendering takes many times its size in memory."""
_VERSION = 3
"""Raise it when the same notebook is to be rendered differently."""

_REMOTE_SCRIPT = re.compile(r"<script\b[^>]*>.*?</script\s*>", re.DOTALL | re.IGNORECASE)
_PAGE = "<!doctype html><html lang=en><meta charset=utf-8><title>Notebook</title><p>{}</p></html>"


class Theme(StrEnum):
    """What a page looks like."""

    LIGHT = "light"
    DARK = "dark"


class Renderer:
    """Renders notebooks; keeps what it rendered under ``cache``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def page(self, path: Path, theme: Theme = Theme.LIGHT) -> bytes:
        """Return the page of a kept notebook; a sentence where it is too large to be shown."""
        size = path.stat().st_size
        if size > MOST_SHOWN:
            return _PAGE.format(
                f"This executed notebook has {size / 2**20:.0f} MiB: more than the "
                f"{MOST_SHOWN // 2**20} MiB that are shown here. Download it, or read the log."
            ).encode()
        return self.html(path.read_bytes(), theme)

    def html(self, notebook: bytes, theme: Theme = Theme.LIGHT) -> bytes:
        """Return the page of a notebook, which may be partial or hardly one at all."""
        key = hashlib.sha256(f"{_VERSION}\0{theme}\0".encode() + notebook).hexdigest()
        path = self._folder / key[:2] / f"{key}.html"
        if path.is_file():
            return path.read_bytes()
        page = render(notebook, theme)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, page)
        return page

    def tidy(self, now: datetime) -> None:
        """Forget the pages that were rendered longer ago than :data:`KEPT`."""
        oldest = (now - KEPT).timestamp()
        for path in self._folder.glob("*/*.html"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)


def render(notebook: bytes, theme: Theme = Theme.LIGHT) -> bytes:
    """Return the page of a notebook; a sentence where it cannot be read."""
    import nbformat

    try:
        document = json.loads(notebook)
    except (ValueError, RecursionError):
        return _PAGE.format("This notebook cannot be read: it is not valid JSON.").encode()
    try:
        body, _ = _exporter(theme).from_notebook_node(nbformat.from_dict(completed(document)))
    except MemoryError:  # of this moment; the page would be kept
        raise
    except Exception:
        logger.exception("a notebook could not be rendered")
        return _PAGE.format(
            "This notebook cannot be shown here. Download it, and open it in JupyterLab."
        ).encode()
    return _REMOTE_SCRIPT.sub("", str(body)).encode()


@cache
def _exporter(theme: Theme) -> Any:
    from traitlets.config import Config

    from galley.service.markdown import PageExporter

    config = Config()
    config.HTMLExporter.template_name = "lab"
    config.HTMLExporter.theme = str(theme)
    config.HTMLExporter.require_js_url = ""
    config.HTMLExporter.mathjax_url = ""
    config.HTMLExporter.jquery_url = ""
    config.HTMLExporter.widget_renderer_url = ""
    config.HTMLExporter.mermaid_js_url = ""
    return PageExporter(config=config)  # type: ignore[no-untyped-call]
