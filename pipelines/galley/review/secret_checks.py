"""The secrets that a notebook names, held against those that there are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from galley.domain.secrets import SecretReference
from galley.domain.versions import Check, Severity
from galley.notebook.source import cell_label
from galley.store import secrets


def secret_checks(
    session: Session, tenant: str, author: str, references: Sequence[SecretReference]
) -> tuple[Check, ...]:
    """Return what is missing: an error where its runs could not have it, a warning where only the
    author's rehearsal could not.
    """
    if not references:
        return ()
    theirs = secrets.known(session, tenant, secrets.TENANT)
    own = secrets.known(session, tenant, author)
    found = []
    for one in {reference.name: reference for reference in reversed(references)}.values():
        if one.name not in theirs:
            found.append(_unknown(tenant, one))
        if one.name not in own:
            found.append(_no_value(tenant, one))
    return tuple(sorted(found, key=lambda check: check.severity is not Severity.ERROR))


def _where(one: SecretReference) -> str:
    return "the notebook" if one.cell is None else cell_label(one.cell)


def _unknown(tenant: str, one: SecretReference) -> Check:
    return Check(
        code="unknown-secret",
        severity=Severity.ERROR,
        message=(
            f"{_where(one)} names the secret {one.name!r}, which tenant {tenant!r} does not have: "
            "check the name (galley secret list), or ask an operator to set it: "
            f"galley secret set {one.name} --tenant {tenant}"
        ),
        cell=one.cell,
        line=one.line,
    )


def _no_value(tenant: str, one: SecretReference) -> Check:
    return Check(
        code="no-personal-value",
        severity=Severity.WARNING,
        message=(
            f"{_where(one)} names the secret {one.name!r}; a rehearsal has your rights and takes "
            f"your own value, which is not set: galley secret set {one.name} --personal "
            f"--tenant {tenant}"
        ),
        cell=one.cell,
        line=one.line,
    )
