"""``galley build``: a notebook as a plain Ploomber project on this machine, with or without proof.

It needs no service. What reads, splits and runs notebooks is imported when it is used: a client's
installation lacks it.
"""

from __future__ import annotations

import posixpath
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from galley.cli.output import Output
from galley.cli.plans import located, read_layout, show_checks, show_plan, verdict
from galley.client import collect_modules
from galley.client.modules import Collected
from galley.domain.proof import Proof, ProofState
from galley.domain.slugs import slugify
from galley.domain.split import SplitLayout, SplitPlan
from galley.domain.versions import Severity
from galley.errors import GalleyError, InvalidInput

_HOPELESS = frozenset({"syntax-error", "parameters-last", "parameter-type", "reserved-parameter"})
"""Findings with which no project can be made, or none that Ploomber would load."""

PROOF = "proof.json"


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the project: new, empty, or a project that an earlier build wrote.",
)
@click.option("--prove", is_flag=True, help="Run it unsplit and split, and compare.")
@click.option(
    "--layout",
    "layout_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="JSON or YAML: {tasks: [{name, cells}]}, cells counted from 0 over all cells.",
)
@click.option(
    "-p",
    "--parameter",
    "values",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Another default for a parameter, and its value in the proof; may be repeated.",
)
@click.option(
    "--cell-timeout",
    "cell_timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    help="With --prove: time limit of each cell, seconds; default: none.",
)
@click.option("--force", is_flag=True, help="Write into a folder that holds something else.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
def build(
    notebook: Path,
    folder: Path,
    prove: bool,
    layout_file: Path | None,
    values: tuple[tuple[str, str], ...],
    cell_timeout_s: float | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write NOTEBOOK as a plain Ploomber project; needs no service.

    `ploomber build` in that folder runs it without Galley. Without --prove the split is what
    reading the notebook proposes. With --prove only a split that gives the same results is
    written, else one task; proof.json says what was compared. One task is an answer, not a
    failure: the exit status is 1 only where the notebook cannot be read or does not run, and then
    nothing is written.
    """
    try:
        from galley.project.folder import Target
    except ModuleNotFoundError as error:
        raise _lacking(error) from error
    output, target = Output(as_json=as_json), Target(folder, force=force)
    made = _made(notebook, layout_file, values, prove, cell_timeout_s)
    target.write(made.files)
    _tell(output, made, notebook, folder)


@dataclass(frozen=True)
class _Made:
    """A project that is ready to be written."""

    found: Collected
    plan: SplitPlan | None
    proof: Proof | None
    files: dict[str, bytes]

    @property
    def shown(self) -> SplitPlan | None:
        """The plan to show: that of the project, or the reasons for one task."""
        return self.plan if self.plan is not None else self.found.analysis.split

    @property
    def names(self) -> list[str]:
        """The tasks of the project."""
        tasks = self.plan.tasks if self.plan is not None else self.found.analysis.tasks
        return [task.name for task in tasks]


def _made(
    notebook: Path,
    layout_file: Path | None,
    pairs: tuple[tuple[str, str], ...],
    prove: bool,
    cell_timeout_s: float | None,
) -> _Made:
    from galley.cli.parameters import parse_values
    from galley.notebook.analysis import task_name
    from galley.notebook.limited import analyse_limited
    from galley.project.build import ProjectFacts, build_project

    layout = None if layout_file is None else read_layout(layout_file)
    slug = slugify(notebook.stem)
    if notebook.is_dir():
        raise InvalidInput(f"{notebook} is a folder, not a notebook.")
    try:
        found = collect_modules(
            notebook,
            lambda document, modules: analyse_limited(
                document, modules, task=task_name(slug), layout=layout
            ),
        )
        _check(found)
        values = parse_values(found.analysis.parameters, pairs)
    except InvalidInput as error:
        name = "" if notebook.name in error.detail else f"{notebook.name}: "
        raise InvalidInput(f"{name}{error.detail}") from error
    proof = _prove(notebook, found, layout, values, cell_timeout_s) if prove else None
    plan = found.analysis.split if proof is None else proof.plan
    files = build_project(
        found.notebook,
        found.modules,
        found.analysis,
        slug=slug,
        tenant="local",
        defaults=values,
        facts=ProjectFacts(name=found.analysis.title or notebook.stem),
        plan=plan,
    )
    if proof is not None:
        files[PROOF] = (proof.model_dump_json(indent=2) + "\n").encode()
    return _Made(found, plan if plan is not None and plan.is_split else None, proof, files)


def _check(found: Collected) -> None:
    """Do nothing if a project can be made of the notebook.

    Raises:
        InvalidInput: the message names the cell.
    """
    if not any(task.cells for task in found.analysis.tasks):
        raise InvalidInput("it has no cell with code: there is nothing to run.")
    for check in found.analysis.checks:
        if check.severity is Severity.ERROR and check.code in _HOPELESS:
            raise InvalidInput(f"{located(check)}.")


def _prove(
    notebook: Path,
    found: Collected,
    layout: SplitLayout | None,
    values: dict[str, Any],
    cell_timeout_s: float | None,
) -> Proof:
    try:
        from galley.proof.local import prove_here
    except ModuleNotFoundError as error:
        raise _lacking(error) from error

    def say(line: str) -> None:
        click.echo(f"  {line}", err=True)

    with tempfile.TemporaryDirectory(prefix="galley-proof-") as folder:
        proof = prove_here(
            found.notebook,
            found.modules,
            found.analysis,
            Path(folder),
            values,
            say,
            beside=notebook.resolve().parent,
            layout=layout,
            defaults=values,
            progress=lambda doing: say(f"{doing} …"),
            cell_timeout_s=cell_timeout_s,
        )
    if proof.state is ProofState.UNEQUAL and not proof.plain_s:
        raise GalleyError(f"{notebook.name}: {proof.reason}; nothing is written")
    return proof


def _lacking(error: ModuleNotFoundError) -> GalleyError:
    return GalleyError(
        f"`galley build` needs {error.name}, which a client's installation lacks: "
        "pip install 'galley[runner]'"
    )


def _tell(output: Output, made: _Made, notebook: Path, folder: Path) -> None:
    analysis, plan, proof = made.found.analysis, made.shown, made.proof
    show_checks(analysis)
    beside = _files_beside(notebook, made.found)
    if output.as_json:
        output.value(
            {
                "folder": str(folder),
                "files": sorted(made.files),
                "split": plan.model_dump(mode="json") if plan else None,
                "tasks": made.names,
                "proved": proof is not None and proof.state is ProofState.EQUAL,
                "proof": proof.model_dump(mode="json") if proof else None,
                "reads": beside,
            },
            "",
        )
        return
    if proof is not None and made.plan is None and plan is not None and plan.is_split:
        output.say("one task:")  # the verdict says why
    else:
        show_plan(output, plan)
    for line in verdict(proof) if proof is not None else ():
        output.say(line)
    if proof is None and made.plan is not None:
        output.say("the split is not proved: --prove runs the notebook unsplit and split")
    output.say(f"{notebook.name} is in {folder}: cd {folder} && ploomber build")
    missing = [path for path in beside if not _exists(folder / path)]
    above = [path for path in missing if posixpath.normpath(path).startswith("..")]
    if below := [path for path in missing if path not in above]:
        output.say(f"it reads {', '.join(below)} beside the notebook: copy or link it to {folder}")
    if above:
        output.say(f"it reads {', '.join(above)}: copy or link it to where {folder} finds it so")


def _files_beside(notebook: Path, found: Collected) -> list[str]:
    """Return the relative paths in the notebook's texts that lie beside it: its data, mostly."""
    source = "\n".join(
        "".join(cell["source"])
        for cell in found.notebook["cells"]
        if cell.get("cell_type") == "code" and isinstance(cell.get("source"), str | list)
    )
    home = notebook.resolve().parent
    texts = {text for _, text in re.findall(r"""(["'])([^"'\n\\]{1,200})\1""", source)}
    return sorted(
        text
        for text in texts
        if text.strip("./") and not text.startswith(("/", "~")) and _exists(home / text)
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
