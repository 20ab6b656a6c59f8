"""What a reviewer is shown: one version against another, cells, modules and settings."""

from __future__ import annotations

import json
from typing import Any

from packaging.requirements import Requirement

from galley.domain.reviews import FieldDiff, VersionDiff
from galley.domain.versions import Analysis, Version
from galley.errors import Unavailable
from galley.locking.lock import canonical, read_lock
from galley.notebook.diff import diff_modules, diff_notebooks
from galley.project import archive
from galley.project.manifest import carried
from galley.service.context import Context
from galley.store import versions

LOCK = "requirements.lock"


def notebook_of(context: Context, version: Version) -> dict[str, Any]:
    """Return the notebook of a version, as it was published."""
    keys = context.store.read(lambda s: versions.blobs(s, version.id))
    notebook: dict[str, Any] = json.loads(context.blobs.get(keys.notebook))
    return notebook


def modules_of(context: Context, version: Version) -> dict[str, str]:
    """Return path → source of the local modules of a version, and of the files that it runs."""
    return carried(archive.read(project_of(context, version)), _analysis(version))


def locked_packages(context: Context, version: Version) -> dict[str, str]:
    """Return name → version of all that a version's lock has; empty before it has one."""
    text = archive.read(project_of(context, version)).get(LOCK, b"")
    lock = read_lock(text.decode("utf-8", "replace"))
    return {one.name: one.version for one in lock.packages} if lock is not None else {}


def project_of(context: Context, version: Version) -> bytes:
    """Return the project of a version, a tar.gz."""
    keys = context.store.read(lambda s: versions.blobs(s, version.id))
    data: bytes = context.blobs.get(keys.project)
    return data


def diff_of(context: Context, before: Version | None, after: Version) -> VersionDiff:
    """Return what changed from ``before`` (None: from nothing) to ``after``.

    Of packages: those that the notebook asks for, as they are locked; beside another version all
    of the two locks that differ, and none before there are two.
    """
    old_notebook = None if before is None else notebook_of(context, before)
    old_modules = {} if before is None else modules_of(context, before)
    return VersionDiff(
        before=None if before is None else before.number,
        after=after.number,
        cells=diff_notebooks(old_notebook, notebook_of(context, after)),
        modules=diff_modules(old_modules, modules_of(context, after)),
        settings=_settings(*_both(context, before, after)),
    )


def _both(
    context: Context, before: Version | None, after: Version
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the settings of both; packages only where both have them alike, locked."""
    new = locked_packages(context, after)
    facts = _facts(context, after)
    if before is None:
        return {}, facts | _requirements(_analysis(after), new)
    old = locked_packages(context, before)
    if not old or not new:
        old = new = {}
    return (
        _facts(context, before) | _stated(_analysis(before)) | _packages(old),
        facts | _stated(_analysis(after)) | _packages(new),
    )


def _analysis(version: Version) -> Analysis:
    if version.analysis is None:
        raise Unavailable(f"version {version.number} has not been analysed yet: try again")
    return version.analysis


def _facts(context: Context, version: Version) -> dict[str, str]:
    values = context.store.read(lambda s: versions.defaults(s, version.id))
    goal = version.goal
    facts = {
        "name": version.name,
        "description": version.description,
        "profile": version.profile,
        "timeout_s": str(version.timeout_s),
        "cell_timeout_s": "" if version.cell_timeout_s is None else f"{version.cell_timeout_s:g}",
        "retries": str(version.retries),
        **_schedule_facts(version),
        "goal.metric": goal.metric if goal else "",
        "goal.direction": str(goal.direction) if goal else "",
        "goal.threshold": "" if goal is None or goal.threshold is None else str(goal.threshold),
    }
    defaults = {**_analysis(version).parameters.defaults(), **values.defaults}
    return facts | {f"parameters.{name}": json.dumps(value) for name, value in defaults.items()}


def _requirements(analysis: Analysis, locked: dict[str, str]) -> dict[str, str]:
    """Return what the author states, and the packages that are asked for, as they are locked.

    Before a rehearsal has locked them, imports have the versions of the platform's environment.
    """
    stated = {canonical(Requirement(one).name) for one in analysis.stated}
    imported = {canonical(one.name): one.version for one in analysis.requirements}
    return _stated(analysis) | _packages(
        {
            name: locked.get(name, "" if name in stated else imported.get(name, ""))
            for name in {*stated, *imported}
        }
    )


def _stated(analysis: Analysis) -> dict[str, str]:
    return {f"stated.{canonical(Requirement(one).name)}": one for one in analysis.stated}


def _packages(versions: dict[str, str]) -> dict[str, str]:
    return {f"requirements.{name}": versions[name] for name in sorted(versions)}


def _schedule_facts(version: Version) -> dict[str, str]:
    """Return the fields of a version's schedule; of the rules beyond its times those set."""
    if version.schedule is None:
        return {"schedule.cron": "", "schedule.timezone": "", "schedule.catch_up": ""}
    fields = version.schedule.model_dump(mode="json", exclude_defaults=True)
    values = fields.pop("parameters", {})
    always = version.schedule.model_dump(mode="json", include={"cron", "timezone", "catch_up"})
    facts = {f"schedule.{name}": str(value) for name, value in {**always, **fields}.items()}
    facts |= {f"schedule.parameters.{name}": json.dumps(one) for name, one in values.items()}
    return facts


def _settings(before: dict[str, str], after: dict[str, str]) -> tuple[FieldDiff, ...]:
    names = [*after, *(name for name in before if name not in after)]
    return tuple(
        FieldDiff(field=name, before=before.get(name) or None, after=after.get(name) or None)
        for name in names
        if (before.get(name) or None) != (after.get(name) or None)
    )
