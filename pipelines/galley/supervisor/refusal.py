"""The one error of the supervisor: why it does not start, and what to do."""

from galley.errors import GalleyError


class Refusal(GalleyError):
    """`galley up` cannot start or go on; the message says why and what to do."""
