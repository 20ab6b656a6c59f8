"""Start IPython's kernel in a run's locked environment, with ``galley.secret`` as runs have it.

A copy of this file lies beside the kernel's spec. It is run by the interpreter of that environment,
which has no galley, so it needs nothing but Python. ``galley.secret(name)`` asks the service for
the person's own value at each call, as in any other notebook of theirs: no value is in a file, a
command line, or the environment that the kernel is started with.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import re
import runpy
import sys
import urllib.error
import urllib.parse
import urllib.request
from types import ModuleType
from typing import Any

_TIMEOUT_S = 20


class NoSecret(LookupError):
    """There is no value of this secret for the person who debugs."""


def secret(name: str) -> str:
    """Return the person's own value of a secret; what a variable of it holds goes first.

    Raises:
        NoSecret: there is none, or the service cannot be asked; and what to do.
    """
    variable = f"GALLEY_SECRET_{re.sub('[.-]', '_', name).upper()}"
    if variable in os.environ:
        return os.environ[variable]
    try:
        path = f"/tenants/{_quoted(_tenant())}/personal-secrets/{_quoted(name)}/value"
        return str(_get(path)["value"])
    except NoSecret as error:
        raise NoSecret(
            f"this notebook has no secret {name!r}: {error}. For this notebook alone, set it in a "
            f"cell above: import getpass, os; os.environ[{variable!r}] = getpass.getpass()"
        ) from None


def _quoted(part: str) -> str:
    return urllib.parse.quote(part, safe="")


def _tenant() -> str:
    named = os.environ.get("GALLEY_TENANT")
    if named:
        return named
    tenants = [str(one["name"]) for one in _get("/me")["tenants"]]
    if len(tenants) != 1:
        raise NoSecret(f"which tenant's? Set GALLEY_TENANT; yours: {', '.join(tenants)}")
    return tenants[0]


def _get(path: str) -> dict[str, Any]:
    url = os.environ.get("GALLEY_URL", "").rstrip("/")
    token = os.environ.get("GALLEY_TOKEN") or os.environ.get("JUPYTERHUB_API_TOKEN")
    if not url.startswith(("http://", "https://")) or not token:
        raise NoSecret("it is not in a JupyterLab of the platform")
    service = "/services/galley"
    base = url if url.endswith(service) else url + service
    request = urllib.request.Request(  # noqa: S310  the scheme is checked above
        f"{base}/api/v1{path}", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        raise NoSecret(_why(error)) from None
    except OSError as error:
        raise NoSecret(f"Galley at {base} does not answer ({error})") from None


def _why(error: urllib.error.HTTPError) -> str:
    """Return in words why the service refused."""
    try:
        return str(json.load(error)["detail"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return f"the service answered {error.code}"


class _InPlaceOfGalley(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``galley`` when nobody else does."""

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of the stand-in."""
        return importlib.machinery.ModuleSpec(fullname, self) if fullname == "galley" else None

    def exec_module(self, module: ModuleType) -> None:
        """Give the stand-in its one function."""
        module.__dict__["secret"] = secret
        module.__doc__ = "Galley's part in a locked environment: galley.secret(name)."


def main() -> None:
    """Become the kernel that ``python -m ipykernel_launcher`` would be."""
    del sys.path[0]  # the folder of this file
    sys.meta_path.append(_InPlaceOfGalley())
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
