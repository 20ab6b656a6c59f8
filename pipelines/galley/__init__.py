"""Galley: reviewed, scheduled and tracked pipelines from notebooks, inside JupyterHub."""

import sys as _sys

__version__ = "0.1.0"


def secret(name: str) -> str:
    """Return the value of the secret called ``name``.

    In a run of an approved version it is the tenant's; in a rehearsal, and in a JupyterLab of the
    platform, your own personal value.

    Args:
        name: written out where it is asked for: a run gets the secrets that its notebook names.

    Raises:
        LookupError: this run was not given such a secret.
        galley.errors.PublicError: you have no value of that name, or the platform cannot be asked.
    """
    handed = _sys.modules.get("galley_inside_secrets")
    if handed is not None:
        value: str = handed.secret(name)
        return value
    from galley.client.secrets import personal_value

    return personal_value(name)
