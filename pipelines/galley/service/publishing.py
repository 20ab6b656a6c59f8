"""From the publish dialog's request to a version that is being rehearsed."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from galley.domain.split import SplitPlan
from galley.domain.tenants import Tenant
from galley.domain.versions import Analysis, PublishRequest, Version, digest_of
from galley.errors import TooLarge
from galley.locking import Lock, lock_digest, lock_text
from galley.notebook.analysis import task_name
from galley.notebook.limited import analyse_limited
from galley.notebook.parameters import validate
from galley.project.archive import pack
from galley.project.build import ProjectFacts
from galley.project.limited import build_limited
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


@dataclass(frozen=True)
class Content:
    """What a version consists of: all that its digest covers, and words beside it."""

    notebook: dict[str, Any]
    modules: dict[str, str]
    analysis: Analysis
    defaults: dict[str, Any]
    facts: ProjectFacts

    def packed(
        self, tenant: str, slug: str, plan: SplitPlan | None = None, lock: Lock | None = None
    ) -> tuple[str, bytes]:
        """Return the digest and the packed project, split by ``plan`` or unsplit."""
        schema, facts = self.analysis.parameters, self.facts
        digest = digest_of(
            manifest(
                self.notebook,
                self.modules,
                self.analysis,
                defaults={**schema.defaults(), **validate(schema, self.defaults)},
                profile=facts.profile or "",
                datasets=facts.datasets,
                timeout_s=facts.timeout_s or 0,
                cell_timeout_s=facts.cell_timeout_s,
                retries=facts.retries or 0,
                python=".".join(platform.python_version_tuple()[:2]),
                plan=plan,
                lock=None if lock is None else lock_digest(lock),
            )
        )
        files = build_limited(
            self.notebook,
            self.modules,
            self.analysis,
            slug=slug,
            tenant=tenant,
            defaults=self.defaults,
            facts=facts.model_copy(update={"digest": digest}),
            plan=plan,
            lock=None if lock is None else lock_text(lock),
        )
        return digest, pack(files)


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
            f"the local files are {size} bytes together; {MODULES} are allowed",
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
    analysis = analyse_limited(
        request.notebook, request.modules, task=task_name(slug), layout=request.layout
    )
    now = context.clock()
    context.store.read(
        lambda s: check_publish(s, tenant_name, tenant, slug, author, request, analysis, None, now)
    )
    facts = ProjectFacts(
        name=request.name,
        description=request.description,
        author=author,
        profile=request.profile or tenant.first_profile,
        datasets={name: str(dataset.mode) for name, dataset in tenant.datasets.items()},
        timeout_s=request.timeout_s,
        cell_timeout_s=request.cell_timeout_s,
        retries=request.retries,
    )
    content = Content(request.notebook, request.modules, analysis, request.defaults, facts)
    digest, project = content.packed(tenant_name, slug)
    return Prepared(
        request=request,
        analysis=analysis,
        digest=digest,
        project=context.blobs.put(project),
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
