"""Every error Galley raises on purpose: one root, small leaves, data as attributes.

A :class:`PublicError` may be shown to the person who caused it. Over HTTP it becomes
``application/problem+json`` (RFC 9457) with its stable ``code``; the client turns that back
into the same class. Everything else is ours to fix and shows as a plain 500.
"""

from __future__ import annotations

from typing import Any, ClassVar


class GalleyError(Exception):
    """Root of all errors raised by Galley."""


class IncompatibleState(GalleyError):
    """The state on disk cannot be used by this release; the message says what to do."""


class PublicError(GalleyError):
    """An error whose message names the thing, the value, what is allowed and what to do.

    Attributes:
        code: stable machine-readable name; part of the REST contract.
        status: HTTP status it maps to; 4xx, because it is the caller's to mend.
        detail: the sentence for people.
        field: dotted path of the offending input (``"schedule.cron"``), or None.
        data: further facts, JSON-serialisable.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, detail: str, *, field: str | None = None, **data: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.data = data

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.detail, self.field, self.data)

    def problem(self) -> dict[str, Any]:
        """Return the RFC 9457 body."""
        body: dict[str, Any] = {
            "type": f"urn:galley:{self.code}",
            "title": self.code.replace("-", " "),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.field is not None:
            body["field"] = self.field
        if self.data:
            body["data"] = self.data
        return body


def _rebuild(
    cls: type[PublicError], detail: str, field: str | None, data: dict[str, Any]
) -> PublicError:
    return cls(detail, field=field, **data)


class InvalidInput(PublicError):
    """A value is not acceptable; ``field`` says which."""

    code = "invalid-input"
    status = 422


class NotSignedIn(PublicError):
    """No valid credential came with the request."""

    code = "not-signed-in"
    status = 401


class Forbidden(PublicError):
    """The caller is known and may not do this."""

    code = "forbidden"
    status = 403


class NotFound(PublicError):
    """The thing does not exist, or not for this caller (the two are not told apart)."""

    code = "not-found"
    status = 404


class Conflict(PublicError):
    """The thing changed meanwhile, exists already, or is in a state that forbids this."""

    code = "conflict"
    status = 409


class TooLarge(PublicError):
    """An upload or a product is over its limit."""

    code = "too-large"
    status = 413


class Unavailable(PublicError):
    """A part of the platform does not answer at the moment; trying again is right."""

    code = "unavailable"
    status = 503


BY_CODE: dict[str, type[PublicError]] = {
    cls.code: cls
    for cls in (
        PublicError,
        InvalidInput,
        NotSignedIn,
        Forbidden,
        NotFound,
        Conflict,
        TooLarge,
        Unavailable,
    )
}
