"""Rotate the key that seals secrets, beside a platform that may be running."""

from __future__ import annotations

from pathlib import Path

from galley.errors import GalleyError
from galley.store import Store, secrets
from galley.supervisor.plan import read_settings
from galley.vault import Place, Vault, rotate_keys


def rotate(home: Path) -> tuple[Path, int]:
    """Put a new key in front and seal every value with it; return the file and the number.

    The service reads the file again when it changes, so that there is no moment in which it could
    not open a value. A value that no key opens stops the rotation before anything is changed.

    Raises:
        GalleyError: there is no deployment in ``home``.
        Unavailable: the keys cannot be read, or a value cannot be opened.
    """
    settings = read_settings(home.expanduser().absolute())
    if settings is None:
        raise GalleyError(f"{home} holds no deployment of Galley: `galley up` makes one.")
    vault = Vault(settings.secret_keys)
    store = Store(settings.database)

    def again(tenant: str, owner: str, name: str, sealed: bytes) -> bytes:
        return vault.reseal(Place(tenant, owner, name), sealed)

    try:
        store.migrate()
        store.write(lambda session: secrets.reseal(session, again))  # each of them opens
        rotate_keys(settings.secret_keys)
        count = store.write(lambda session: secrets.reseal(session, again))
    finally:
        store.close()
    return settings.secret_keys, count
