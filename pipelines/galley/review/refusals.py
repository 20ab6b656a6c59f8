"""Everything for which publishing is refused, each with the field and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.domain.schedules import ScheduleRequest
from galley.domain.slugs import check_slug
from galley.domain.tenants import Action, Tenant
from galley.domain.versions import Analysis, PublishRequest, Severity, VersionState
from galley.errors import Conflict, Forbidden, InvalidInput
from galley.notebook import parameters
from galley.notebook.templated import check_schedule
from galley.review.secret_checks import secret_checks
from galley.store import deployments, pipelines
from galley.store.tables import PipelineRow, VersionRow


def check_publish(
    session: Session,
    tenant_name: str,
    tenant: Tenant,
    slug: str,
    author: str,
    request: PublishRequest,
    analysis: Analysis,
    digest: str | None,
    now: datetime,
) -> None:
    """Raise what publishing would raise; change nothing.

    Args:
        digest: None leaves out the search for an identical version.

    Raises:
        Forbidden: ``author`` may not publish in this tenant.
        InvalidInput: a field of the request is not acceptable.
        Conflict: the name belongs to somebody else's pipeline, or this content is under way.
    """
    if Action.PUBLISH not in tenant.actions_of(author):
        raise Forbidden(
            f"{author!r} may not publish in tenant {tenant_name!r}: that needs a role that "
            "allows it, such as data-scientist."
        )
    check_slug(slug, field="slug")
    _check_owner(tenant_name, tenant, request.owner)
    _check_analysis(analysis)
    if not request.rehearse_only:
        _check_secrets(session, tenant_name, author, analysis)
    _check_profile(tenant_name, tenant, request.profile or tenant.first_profile)
    if request.schedule is not None:
        check_schedule(request.schedule, analysis.parameters, now, prefix="schedule.")
    _check_values(analysis, request.defaults, "defaults")
    _check_values(analysis, request.rehearsal_parameters, "rehearsal_parameters")
    pipeline = pipelines.find(session, tenant_name, slug)
    if pipeline is not None:
        _check_name_is_free(session, pipeline, author, request)
        if digest is not None and not request.rehearse_only:
            _check_is_new(session, pipeline, digest, request)


def _check_owner(tenant_name: str, tenant: Tenant, owner: str | None) -> None:
    if owner is not None and owner not in tenant.members:
        raise InvalidInput(
            f"The owner {owner!r} is not a member of tenant {tenant_name!r}: choose one of "
            f"{', '.join(tenant.members)}.",
            field="owner",
        )


def _check_analysis(analysis: Analysis) -> None:
    errors = analysis.errors
    if errors:
        more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InvalidInput(
            f"The notebook cannot be published: {errors[0].message}{more}",
            field="notebook",
            checks=[check.model_dump(mode="json") for check in errors],
        )


def _check_secrets(session: Session, tenant: str, author: str, analysis: Analysis) -> None:
    checks = secret_checks(session, tenant, author, analysis.secrets)
    errors = [one for one in checks if one.severity is Severity.ERROR]
    if errors:
        raise InvalidInput(
            f"The notebook cannot be published: {errors[0].message}",
            field="notebook",
            checks=[check.model_dump(mode="json") for check in errors],
        )


def _check_profile(tenant_name: str, tenant: Tenant, name: str) -> None:
    profile = tenant.profiles.get(name)
    if profile is None:
        raise InvalidInput(
            f"Tenant {tenant_name!r} has no profile {name!r}: choose one of "
            f"{', '.join(tenant.profiles)}.",
            field="profile",
        )
    if (why := tenant.limits.why_not(profile)) is not None:
        raise InvalidInput(
            f"The profile {name!r} {why}: no run with it could ever start in {tenant_name!r}.",
            field="profile",
        )


def _check_values(analysis: Analysis, values: Mapping[str, Any], field: str) -> None:
    try:
        parameters.validate(analysis.parameters, values)
    except InvalidInput as error:
        name = (error.field or "").removeprefix("parameters.")
        raise InvalidInput(error.detail, field=f"{field}.{name}", **error.data) from error


def _check_name_is_free(
    session: Session, pipeline: PipelineRow, author: str, request: PublishRequest
) -> None:
    if request.continues or pipelines.is_yours(session, pipeline.tenant, pipeline.slug, author):
        return
    raise Conflict(
        f"The name {pipeline.slug!r} is taken: {pipeline.owner!r} owns that pipeline. Choose "
        "another name, or say that this is meant as its next version.",
        field="slug",
        owner=pipeline.owner,
    )


def _check_is_new(
    session: Session, pipeline: PipelineRow, digest: str, request: PublishRequest
) -> None:
    """Refuse content that is under way or live, unless what is reviewed beside it differs."""
    live = deployments.current(session, pipeline.id)
    wanted = reviewed_settings(request)
    for version in session.scalars(
        select(VersionRow)
        .where(VersionRow.pipeline_id == pipeline.id, VersionRow.published_digest == digest)
        .where(~VersionRow.rehearse_only)
        .order_by(VersionRow.number.desc())
    ):
        settings = {name: getattr(version, name) for name in wanted}
        settings["schedule"] = _of_this_release(version.schedule)
        what = _under_way(session, version, live)
        if what is not None and settings == wanted:
            raise Conflict(
                f"Version {version.number} of {pipeline.slug!r} has exactly this content and "
                f"{what}. Change something, or wait for it.",
                version=version.number,
                state=str(version.state),
            )


def reviewed_settings(request: PublishRequest) -> dict[str, Any]:
    """Return what reviewers judge beside the digest, as columns of a version."""
    return {
        "schedule": None if request.schedule is None else request.schedule.model_dump(mode="json"),
        "goal": None if request.goal is None else request.goal.model_dump(mode="json"),
        "timeout_s": request.timeout_s,
        "cell_timeout_s": request.cell_timeout_s,
        "retries": request.retries,
    }


def _of_this_release(schedule: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a version's schedule with the fields that came after it was published."""
    if schedule is None:
        return None
    return ScheduleRequest.model_validate(schedule).model_dump(mode="json")


def _under_way(session: Session, version: VersionRow, live: VersionRow | None) -> str | None:
    """Return in words why ``version`` still counts; None where it has had its time."""
    if live is not None and live.id == version.id:
        return "is live"
    if version.state is VersionState.REHEARSING:
        return "is being rehearsed"
    if version.state is VersionState.IN_REVIEW:
        return "is in review"
    if version.state is VersionState.APPROVED and not deployments.was_deployed(session, version.id):
        return "is approved and waits to be deployed"
    return None
