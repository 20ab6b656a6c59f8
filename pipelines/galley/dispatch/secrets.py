"""Which values an attempt is given: the tenant's for approved work, else the author's own.

Only what the version names is given, and what reviewers saw it name. A value that is missing does
not stop the lease: the attempt ends with the sentence that says so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from galley.domain.runs import FailureClass, RunKind
from galley.domain.secrets import SecretReference
from galley.domain.versions import CellError, VersionState
from galley.domain.work import Assignment, TaskSecrets
from galley.errors import Unavailable
from galley.store import audit, runs, secrets
from galley.store.tables import VersionRow
from galley.store.tokens import HostIdentity
from galley.vault import Place, Vault


def give_secrets(
    session: Session, vault: Vault, host: HostIdentity, work: Assignment, now: datetime
) -> Assignment:
    """Return the assignment with the secrets of its version, which is noted in the audit trail.

    Args:
        host: who leased it: the tenant's own host gets the tenant's values, the host of an author
            that author's.
    """
    version = session.get_one(VersionRow, runs.require(session, work.run).version_id)
    named: list[dict[str, Any]] = version.analysis.get("secrets") or []
    references = [SecretReference.model_validate(one) for one in named]
    if not references:
        return work
    if host.author is None and version.state is not VersionState.APPROVED:
        return _with(work, _refused(None, "NotApproved", _NOT_APPROVED, FailureClass.USER))
    owner = secrets.TENANT if host.author is None else host.author
    names = sorted({one.name for one in references})
    sealed = secrets.sealed(session, work.tenant, owner, names)
    missing = [one for one in references if one.name not in sealed]
    if missing:
        return _with(work, _missing(work, missing[0], owner))
    try:
        values = {
            name: vault.open(Place(work.tenant, owner, name), data) for name, data in sealed.items()
        }
    except Unavailable as error:
        kind = FailureClass.INFRASTRUCTURE
        return _with(work, _refused(None, "SecretsUnavailable", error.detail, kind))
    secrets.used(
        session,
        work.tenant,
        owner,
        names,
        actor=owner or audit.PLATFORM,
        by=f"{work.pipeline} v{work.version}",
        detail={"run": str(work.run), "attempt": work.number},
        now=now,
    )
    variables = {one.variable: one.name for one in references if one.variable is not None}
    return _with(work, TaskSecrets(values=values, variables=variables))


_NOT_APPROVED = "only an approved version is given the tenant's secrets"


def _missing(work: Assignment, one: SecretReference, owner: str) -> TaskSecrets:
    command = f"galley secret set {one.name}{' --personal' if owner else ''} --tenant {work.tenant}"
    if owner:
        trial = work.kind is RunKind.TRIAL
        message = (
            f"{owner} has no personal value of the secret {one.name!r}, which a {work.kind} takes: "
            f"set it with `{command}`, then {'try' if trial else 'publish'} again"
        )
    else:
        message = (
            f"the secret {one.name!r} is not set in tenant {work.tenant!r} (any more): an operator "
            f"sets it with `{command}`, then start the run again"
        )
    return _refused(one.cell, "SecretMissing", message, FailureClass.USER)


def _refused(cell: int | None, kind: str, message: str, failure: FailureClass) -> TaskSecrets:
    error = CellError(ename=kind, evalue="", message=message, cell=cell)
    return TaskSecrets(error=error, failure_class=failure)


def _with(work: Assignment, secrets: TaskSecrets) -> Assignment:
    return work.model_copy(update={"secrets": secrets})
