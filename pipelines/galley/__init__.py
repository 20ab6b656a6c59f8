"""Galley: reviewed, scheduled and tracked pipelines from notebooks, inside JupyterHub."""

__version__ = "0.1.0"
