"""Encryption of secrets at rest: keys in one file, newest first, and sealed values.

A sealed value is a Fernet token (AES-128-CBC with HMAC-SHA256) over the value *and its place*
(tenant, owner, name), so that a row copied over another one does not open there.
"""

from galley.vault.keys import make_keys, rotate_keys
from galley.vault.vault import Place, Vault

__all__ = ["Place", "Vault", "make_keys", "rotate_keys"]
