"""The Markdown of an executed notebook as HTML: formulas as MathML, and pictures from it alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import unquote

from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

LONGEST = 20_000
"""Characters of a formula that is shown as one; a longer one is shown as it is written."""
_ATTACHMENT = "attachment:"
_NAMESPACE = ' xmlns="http://www.w3.org/1998/Math/MathML"'
logger = logging.getLogger(__name__)


class PageExporter(HTMLExporter):
    """nbconvert's, which would read the files that pictures name, where it may embed them."""

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """Return Markdown as HTML; where that fails, as it is written."""
        cell = context.get("cell", {})
        renderer = _Renderer(
            escape=False,
            attachments=cell.get("attachments", {}),
            anchor_link_text=self.anchor_link_text,
            exclude_anchor_links=self.exclude_anchor_links,
        )
        try:
            return str(MarkdownWithMath(renderer=renderer).render(source))
        except Exception:  # one cell that is not understood does not hide the others
            logger.exception("Markdown could not be rendered")
            return f"<pre>{escape(source)}</pre>"


class _Renderer(IPythonRenderer):
    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Show an attachment of the cell; what lies elsewhere, the page's policy does not load."""
        if url.startswith(_ATTACHMENT):
            name = url.removeprefix(_ATTACHMENT)
            name = name if name in self.attachments else unquote(name)
            if name not in self.attachments:
                return f"<em>({escape(url)} is not in this notebook)</em>"
            url = _ATTACHMENT + name
        return str(super().image(text, url, title))

    def block_math(self, body: str) -> str:
        """Return a formula that has lines of its own."""
        return _formula(body, super().block_math, body, display="block")

    def inline_math(self, body: str) -> str:
        """Return a formula in a line of text."""
        return _formula(body, super().inline_math, body, display="inline")

    def latex_environment(self, name: str, body: str) -> str:
        """Return a formula that is an environment, as ``align``."""
        source = f"\\begin{{{name}}}{body}\\end{{{name}}}"
        return _formula(source, super().latex_environment, name, body, display="block")


def _formula(source: str, as_written: Callable[..., Any], *given: str, display: str) -> str:
    """Return LaTeX as MathML; as it is written where it is too long or not understood."""
    if len(source) <= LONGEST:
        try:
            # HTML needs no namespace, and in a heading nbconvert would make a prefix of it.
            return str(convert(source, display=display)).replace(_NAMESPACE, "", 1)
        except Exception:  # it is an author's, and whatever stands in it is shown all the same
            logger.debug("a formula could not be converted", exc_info=True)
    return str(as_written(*given))
