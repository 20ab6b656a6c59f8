"""Commands of the reviewer: what waits, approve, reject, roll back."""

from __future__ import annotations

import click

from galley.cli import output
from galley.cli.session import Session, with_session
from galley.domain.events import AuditEntry
from galley.domain.model import in_words
from galley.domain.reviews import DecisionRequest, GateStatus, Verdict
from galley.domain.tenants import Action, Gate
from galley.domain.versions import Version, VersionState
from galley.errors import Forbidden, InvalidInput

_GATE = click.option(
    "--gate",
    type=click.Choice([str(gate) for gate in Gate]),
    help="Default: the one you may decide.",
)
_PAGE = 200
_DIGEST = click.option("--digest", help="Digest you have seen; default: the version's at present.")


@click.command()
@click.option("--all", "everyones", is_flag=True, help="All of the tenant, decided ones too.")
@with_session
def reviews(session: Session, everyones: bool) -> None:
    """List the versions that wait for you."""
    page = (
        session.client.tenant_reviews(session.tenant, "all")
        if everyones
        else session.client.reviews()
    )
    session.output.models(
        page.items,
        ("VERSION", "TENANT", "STATE", "AUTHOR", "GATES", "DIGEST", "NOTE"),
        (
            (
                f"{version.pipeline}@{version.number}",
                version.tenant,
                output.state(version.state),
                version.author,
                ", ".join(f"{gate.gate} {_stands(version, gate)}" for gate in version.gates),
                (version.digest or "")[:12],
                version.note,
            )
            for version in page.items
        ),
        empty="Nothing waits for you.",
    )


def _stands(version: Version, gate: GateStatus) -> str:
    if gate.passed:
        return "✓"
    refused = any(
        one.gate is gate.gate and one.verdict is Verdict.REJECT for one in version.decisions
    )
    return "rejected" if refused else "waits"


@click.command()
@click.argument("version", metavar="PIPELINE[@VERSION]")
@_GATE
@click.option("--comment", default="", help="Kept with the decision.")
@_DIGEST
@with_session
def approve(
    session: Session, version: str, gate: str | None, comment: str, digest: str | None
) -> None:
    """Approve a version at a gate; default is the version in review."""
    _decide(session, version, Verdict.APPROVE, gate, comment, digest)


@click.command()
@click.argument("version", metavar="PIPELINE[@VERSION]")
@_GATE
@click.option("--comment", required=True, help="Why; the author reads it.")
@_DIGEST
@with_session
def reject(
    session: Session, version: str, gate: str | None, comment: str, digest: str | None
) -> None:
    """Reject a version; default is the version in review."""
    _decide(session, version, Verdict.REJECT, gate, comment, digest)


@click.command()
@click.argument("version", metavar="PIPELINE@VERSION")
@click.option("--reason", default="", help="Kept in the audit trail.")
@with_session
def rollback(session: Session, version: str, reason: str) -> None:
    """Make an earlier (or later) approved version the live one."""
    if "@" not in version:
        raise InvalidInput(f"which version of {version!r}? Use PIPELINE@NUMBER.")
    wanted = session.version(version)
    pipeline = session.client.deploy(session.tenant, wanted.pipeline, wanted.number, reason)
    session.output.model(pipeline, f"{pipeline.slug} v{pipeline.live_version} is live")


@click.command()
@click.option(
    "-n", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Lines."
)
@with_session
def audit(session: Session, limit: int) -> None:
    """Say who did what in the tenant, newest first; `galley` is the platform itself."""
    found: list[AuditEntry] = []
    cursor = None
    while len(found) < limit:
        page = session.client.audit(session.tenant, cursor=cursor, limit=min(limit, _PAGE))
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    session.output.models(
        found[:limit],
        ("AT", "ACTOR", "ACTION", "SUBJECT", "DETAIL"),
        (
            (
                f"{one.at:%Y-%m-%d %H:%M:%S}",
                one.actor,
                one.action,
                one.subject,
                output.facts(one.detail),
            )
            for one in found[:limit]
        ),
        empty="Nothing was done yet.",
    )


def _decide(
    session: Session,
    reference: str,
    verdict: Verdict,
    gate: str | None,
    comment: str,
    digest: str | None,
) -> None:
    version = session.version(reference, default="waiting")
    request = DecisionRequest(
        gate=Gate(gate) if gate else _own_gate(session, version),
        verdict=verdict,
        digest=digest or version.digest or "",
        comment=comment,
    )
    decided = session.client.decide(version.id, request)
    said = "approved" if verdict is Verdict.APPROVE else "rejected"
    waiting = " and ".join(status.gate for status in decided.gates if not status.passed)
    then = (
        f"it waits for {waiting}"
        if said == "approved" and waiting
        else "it is now live"
        if decided.live
        else _not_live(session, decided)
    )
    session.output.model(
        decided, f"{decided.pipeline} v{decided.number} {said} as {request.gate}; {then}"
    )


def _not_live(session: Session, version: Version) -> str:
    """Say what a version is whose review is over, and what is live in its place."""
    state = f"it is now {in_words(version.state)}"
    if version.state is not VersionState.APPROVED:
        return state
    live = session.client.pipeline(version.tenant, version.pipeline).live_version
    instead = "no version is live" if live is None else f"v{live} stays live"
    command = f"`galley rollback {version.pipeline}@{version.number}`"
    return f"{state}, but {instead}: {command} makes this one live"


def _own_gate(session: Session, version: Version) -> Gate:
    tenants = {tenant.name: tenant for tenant in session.client.me().tenants}
    actions: tuple[Action, ...] = tenants[version.tenant].actions
    open_gates = [status.gate for status in version.gates if not status.passed]
    mine = [gate for gate in open_gates if gate.action in actions]
    if len(mine) == 1:
        return mine[0]
    if not mine:
        raise Forbidden(
            f"no open gate of {version.pipeline} v{version.number} is yours to decide; open: "
            f"{', '.join(open_gates) or 'none'}."
        )
    raise InvalidInput(f"which gate? Use --gate with one of {', '.join(mine)}.")
