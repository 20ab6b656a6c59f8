"""From the publish dialog's request to a version that is being rehearsed."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from galley.domain.tenants import Tenant
from galley.domain.versions import Analysis, PublishRequest, Version, digest_of
from galley.errors import TooLarge
from galley.notebook.analysis import task_name
from galley.notebook.limited import analyse_limited
from galley.notebook.parameters import validate
from galley.project.archive import pack
from galley.project.build import ProjectFacts, build_project
from galley.project.manifest import manifest
from galley.review import check_publish, publish
from galley.sandbox.machine import this_machine
from galley.service.bodies import MODULES
from galley.service.context import Context
from galley.service.tenants_view import check_available, check_profile
from galley.store import versions


@dataclass(frozen=True)
class Prepared:
    """A notebook that may be published, its content kept as blobs."""

    request: PublishRequest
    analysis: Analysis
    digest: str
    project: str
    notebook: str


def check_size(tenant: Tenant, notebook: dict[str, Any], modules: dict[str, str]) -> None:
    """Do nothing if notebook and modules are within the limits.

    Raises:
        TooLarge: they are not.
    """
    size = len(json.dumps(notebook, ensure_ascii=False).encode())
    if size > tenant.limits.notebook:
        raise TooLarge(
            f"the notebook is {size} bytes; limits.notebook of this tenant allows "
            f"{tenant.limits.notebook}. Clear its outputs, or keep data outside of it.",
            field="notebook",
            limit="notebook",
        )
    size = sum(len(source.encode()) for source in modules.values())
    if size > MODULES:
        raise TooLarge(
            f"the local modules are {size} bytes together; {MODULES} are allowed",
            field="modules",
            limit="modules",
        )


def prepare(
    context: Context, tenant_name: str, slug: str, author: str, request: PublishRequest
) -> Prepared:
    """Read, check, build and keep a notebook; nothing is published yet.

    Raises:
        InvalidInput, Forbidden, Conflict, TooLarge: why it cannot be published.
    """
    tenant = context.tenant(tenant_name)
    check_available(context.settings, tenant_name, tenant)
    check_size(tenant, request.notebook, request.modules)
    check_profile(tenant, request.profile, this_machine())
    analysis = analyse_limited(request.notebook, request.modules, task=task_name(slug))
    now = context.clock()
    context.store.read(
        lambda s: check_publish(s, tenant_name, tenant, slug, author, request, analysis, None, now)
    )
    return _build(context, tenant_name, tenant, slug, author, request, analysis)


def _build(
    context: Context,
    tenant_name: str,
    tenant: Tenant,
    slug: str,
    author: str,
    request: PublishRequest,
    analysis: Analysis,
) -> Prepared:
    profile = request.profile or tenant.first_profile
    schema = analysis.parameters
    defaults = {**schema.defaults(), **validate(schema, request.defaults)}
    datasets = {name: str(dataset.mode) for name, dataset in tenant.datasets.items()}
    digest = digest_of(
        manifest(
            request.notebook,
            request.modules,
            analysis,
            defaults=defaults,
            profile=profile,
            datasets=datasets,
            timeout_s=request.timeout_s,
            retries=request.retries,
            python=".".join(platform.python_version_tuple()[:2]),
        )
    )
    files = build_project(
        request.notebook,
        request.modules,
        analysis,
        slug=slug,
        tenant=tenant_name,
        defaults=request.defaults,
        facts=ProjectFacts(
            digest=digest,
            name=request.name,
            description=request.description,
            author=author,
            profile=profile,
            datasets=datasets,
            timeout_s=request.timeout_s,
            retries=request.retries,
        ),
    )
    return Prepared(
        request=request,
        analysis=analysis,
        digest=digest,
        project=context.blobs.put(pack(files)),
        notebook=context.blobs.put(json.dumps(request.notebook).encode()),
    )


def record(
    session: Session,
    context: Context,
    tenant_name: str,
    slug: str,
    author: str,
    prepared: Prepared,
) -> Version:
    """Record the version and queue its rehearsal.

    Raises:
        InvalidInput, Forbidden, Conflict: why it cannot be published (any more).
    """
    version: UUID = publish(
        session,
        tenant_name,
        context.tenant(tenant_name),
        slug,
        author,
        prepared.request,
        prepared.analysis,
        prepared.digest,
        prepared.project,
        prepared.notebook,
        context.clock(),
    )
    return versions.get(session, version)
