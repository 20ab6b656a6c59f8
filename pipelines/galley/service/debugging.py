"""The notebook of an attempt, made ready to be debugged by a member of its tenant."""

from __future__ import annotations

import json
from typing import Any

from galley.domain.debug import FAILED_TAG, DebugDataset, DebugKit, DebugLock
from galley.domain.runs import Attempt, Run, RunKind
from galley.domain.tenants import DATASETS_ROOT
from galley.domain.versions import Analysis, CellError, Version
from galley.errors import Conflict, NotFound
from galley.locking import lock_digest, read_lock
from galley.notebook.conversions import conversion_source
from galley.notebook.source import galley_metadata
from galley.project import archive
from galley.service.comparing import modules_of, notebook_of, project_of
from galley.service.context import Context
from galley.store import versions

_PYTHON = {"name": "python3", "display_name": "Python 3", "language": "python"}
_OWN_TAGS = frozenset({"injected-parameters", FAILED_TAG})


def kit_of(context: Context, run: Run, attempt: Attempt, task: str | None) -> DebugKit:
    """Return what is needed to go through the notebook of an attempt.

    Args:
        task: which task's failure; None: the attempt's.

    Raises:
        NotFound: the attempt has no such task.
        Conflict: the version was not analysed.
    """
    version = context.store.read(lambda s: versions.get(s, run.version_id))
    analysis = version.analysis
    if analysis is None:
        raise Conflict(f"version {version.number} has not been analysed: there is nothing to debug")
    error = _error(attempt, task)
    cell = None if error is None else error.cell
    document, failed = _notebook(notebook_of(context, version), run, attempt, analysis, error)
    last = len(document["cells"]) if cell is None else cell
    return DebugKit(
        run=run.id,
        tenant=run.tenant,
        pipeline=run.pipeline,
        pipeline_name=run.pipeline_name,
        version=run.version,
        attempt=attempt.number,
        task=task or (error.task if error else None),
        error=error,
        parameters=run.parameters,
        notebook=document,
        failed=failed,
        modules=modules_of(context, version),
        lock=_lock(context, version),
        files=tuple(one for one in analysis.files if one.mode == "read" and one.cell <= last),
        datasets=tuple(
            DebugDataset(name=name, path=f"{DATASETS_ROOT}/{name}", mode=dataset.mode)
            for name, dataset in context.tenant(run.tenant).datasets.items()
        ),
        missing=_missing(run, attempt, analysis, document),
    )


def _error(attempt: Attempt, task: str | None) -> CellError | None:
    if task is None:
        found = (one.error for one in attempt.tasks if one.error is not None)
        return attempt.error or next(found, None)
    one = next((one for one in attempt.tasks if one.name == task), None)
    if one is None:
        names = ", ".join(repr(one.name) for one in attempt.tasks) or "none"
        raise NotFound(f"attempt {attempt.number} has no task {task!r}; it has {names}")
    if one.error is not None:
        return one.error
    return attempt.error if attempt.error and attempt.error.task == task else None


def _notebook(
    published: dict[str, Any],
    run: Run,
    attempt: Attempt,
    analysis: Analysis,
    error: CellError | None,
) -> tuple[dict[str, Any], int | None]:
    """Return the notebook to debug, and where in it the failed cell is."""
    schema = analysis.parameters
    values = {name: value for name, value in run.parameters.items() if name in schema.properties}
    kernel = published.get("metadata", {}).get("kernelspec") or _PYTHON
    injected = _injected(values, conversion_source(schema, set(values)), kernel)
    cells = [_intro(run, attempt, error), *_variables(analysis, kernel)]
    if schema.cell is None:
        cells += injected
    failed = None
    for index, cell in enumerate(published.get("cells", [])):
        if error is not None and error.cell == index:
            failed = len(cells)
        cells.append(_clean(cell, index, failed=error is not None and error.cell == index))
        if index == schema.cell:
            cells += injected
    own = {"debug": {"run": str(run.id), "attempt": attempt.number, "failed": failed}}
    if secrets := galley_metadata(published).get("secrets"):
        own["secrets"] = secrets
    metadata = {"kernelspec": kernel, "galley": own}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}, failed


def _clean(cell: dict[str, Any], index: int, *, failed: bool) -> dict[str, Any]:
    """Return a published cell without what an execution left in it."""
    metadata = dict(cell.get("metadata", {}))
    tags = [tag for tag in metadata.get("tags", []) if tag not in _OWN_TAGS]
    if failed:
        tags.append(FAILED_TAG)
    if tags or "tags" in metadata:
        metadata["tags"] = tags
    clean = {
        **cell,
        "id": f"cell-{index}",
        "metadata": {**metadata, "galley": {"cell": index}},
    }
    if cell.get("cell_type") == "code":
        clean |= {"execution_count": None, "outputs": []}
    return clean


def _injected(
    values: dict[str, Any], conversion: str, kernel: dict[str, Any]
) -> list[dict[str, Any]]:
    if not values:
        return []
    if _is_python(kernel):
        lines = [f"{name} = {value!r}" for name, value in values.items()]
        source = "\n".join(["# The values of the run.", *lines, *filter(None, [conversion])])
    else:
        from galley.run.translators import translate_parameters  # slow to import, seldom needed

        language, name = str(kernel["language"]), str(kernel.get("name", ""))
        written = str(translate_parameters(name, language, values, "The values of the run."))
        source = "\n".join([written.rstrip("\n"), *filter(None, [conversion])])
    return [
        {
            "cell_type": "code",
            "id": "galley-values",
            "metadata": {"tags": ["injected-parameters"]},
            "source": source,
            "execution_count": None,
            "outputs": [],
        }
    ]


def _variables(analysis: Analysis, kernel: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cell that sets the variables which a run gets from the notebook's metadata."""
    named = [one for one in analysis.secrets if one.variable is not None]
    if not named or not _is_python(kernel):
        return []
    lines = [
        "# The run had secrets in these variables; here it is your own personal values.",
        "def _set_secrets():",
        "    import os",
        "",
        "    import galley",
        "",
        *(f"    os.environ[{one.variable!r}] = galley.secret({one.name!r})" for one in named),
        "",
        "",
        "_set_secrets()",
        "del _set_secrets",
    ]
    return [
        {
            "cell_type": "code",
            "id": "galley-secrets",
            "metadata": {"galley": {"role": "debug"}},
            "source": "\n".join(lines),
            "execution_count": None,
            "outputs": [],
        }
    ]


def _is_python(kernel: dict[str, Any]) -> bool:
    return bool(kernel.get("language", "python") == "python")


def _intro(run: Run, attempt: Attempt, error: CellError | None) -> dict[str, Any]:
    what = "Run" if run.kind is RunKind.PIPELINE else str(run.kind).capitalize()
    name = json.dumps(run.pipeline_name, ensure_ascii=False)[1:-1]
    lines = [
        f"# Debugging: {name} v{run.version}",
        "",
        (
            f"{what} `{run.id}`, attempt {attempt.number}, for "
            f"{run.logical_date:%Y-%m-%d %H:%M} UTC. This is a copy to try things in: the version "
            "does not change. Nothing of the run's memory was taken over; running the cells makes "
            "the same state again, with your own rights."
        ),
    ]
    if error is not None:
        where = "" if error.cell is None else f" in cell {error.cell + 1} (marked `{FAILED_TAG}`)"
        lines += ["", f"It failed{where}:", "", *(f"    {one}" for one in _lines(error.message))]
        if error.cell is not None:
            lines += ["", "*Run Up to the Failed Cell* runs what is above it and stops there."]
    return {
        "cell_type": "markdown",
        "id": "galley-debug",
        "metadata": {"galley": {"role": "debug"}},
        "source": "\n".join(lines),
    }


def _lines(text: str) -> list[str]:
    return text.splitlines()[:12]


def _lock(context: Context, version: Version) -> DebugLock:
    files = archive.read(project_of(context, version))
    text = files.get("requirements.lock", b"").decode("utf-8", "replace")
    lock = read_lock(text)
    if lock is None:
        return DebugLock(digest=None, of_platform=True, python=None, text=text, packages={})
    return DebugLock(
        digest=lock_digest(lock),
        of_platform=lock.of_platform,
        python=lock.python,
        text=text,
        packages={one.name: one.version for one in lock.packages},
    )


def _missing(
    run: Run, attempt: Attempt, analysis: Analysis, notebook: dict[str, Any]
) -> tuple[str, ...]:
    told = []
    if len(attempt.tasks) > 1:
        told.append(
            "What its tasks handed to each other is not kept: the cells above the failed one are "
            "run again, those of all its tasks."
        )
    if run.kind is RunKind.PIPELINE:
        told.append(
            "The run had the rights of the tenant; here you have your own, and what it logs to "
            "MLflow here is yours."
        )
    if analysis.secrets:
        names = ", ".join(sorted({repr(one.name) for one in analysis.secrets}))
        told.append(
            f"It uses secrets: {names}. Here galley.secret gives your own personal values, never "
            f"the tenant's: set each with `galley secret set NAME --personal --tenant "
            f"{run.tenant}`, in a terminal."
        )
    variables = [one.variable for one in analysis.secrets if one.variable is not None]
    if variables and not _is_python(notebook["metadata"]["kernelspec"]):
        told.append(f"The variables {', '.join(variables)}, which hold secrets, are not set here.")
    return tuple(told)
