"""Sphinx configuration of the manual."""

from galley import __version__

project = "Galley"
copyright = "2026, the Galley contributors"  # noqa: A001
release = __version__
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "Galley"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
