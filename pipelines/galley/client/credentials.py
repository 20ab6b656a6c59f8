"""Where a client finds its address and token: the environment, or what ``galley login`` wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from galley.domain.model import Model
from galley.errors import NotSignedIn

DEFAULT_URL = "http://127.0.0.1:8000"


class Credentials(Model):
    """An address and a hub token for it."""

    url: str
    token: str
    tenant: str | None = None


def config_path(environment: Mapping[str, str]) -> Path:
    """Return the file that ``galley login`` writes."""
    base = environment.get("XDG_CONFIG_HOME")
    root = Path(base) if base else Path(environment.get("HOME", "~")).expanduser() / ".config"
    return root / "galley" / "config.json"


def find_credentials(environment: Mapping[str, str]) -> Credentials:
    """Return the credentials that this process is to use.

    In this order: ``GALLEY_URL`` with ``GALLEY_TOKEN``; in a JupyterLab server of the platform,
    the server's own token; what ``galley login`` wrote. ``GALLEY_TENANT`` names the tenant.

    Raises:
        NotSignedIn: none of them is there.
    """
    tenant = environment.get("GALLEY_TENANT") or None
    url = environment.get("GALLEY_URL")
    path = config_path(environment)
    if token := environment.get("GALLEY_TOKEN"):
        return Credentials(url=url or _saved_url(path) or DEFAULT_URL, token=token, tenant=tenant)
    if url and (token := environment.get("JUPYTERHUB_API_TOKEN")):
        return Credentials(url=url, token=token, tenant=tenant)
    saved = _read(path)
    if saved is None:
        raise NotSignedIn(
            "Not signed in: run `galley login`, or set GALLEY_URL and GALLEY_TOKEN. A token is "
            f"made at {url or DEFAULT_URL}/hub/token."
        )
    return saved.model_copy(update={"tenant": tenant or saved.tenant})


def save_credentials(credentials: Credentials, environment: Mapping[str, str]) -> Path:
    """Write what ``galley login`` learned, readable by its owner only, and return the path."""
    path = config_path(environment)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(credentials.model_dump_json(exclude_none=True, indent=2) + "\n")
    partial.replace(path)
    return path


def _read(path: Path) -> Credentials | None:
    try:
        return Credentials.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise NotSignedIn(
            f"{path} cannot be read ({error}): run `galley login` to write it anew."
        ) from error


def _saved_url(path: Path) -> str | None:
    saved = _read(path)
    return saved.url if saved else None
