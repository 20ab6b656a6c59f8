"""`galley debug`: the notebook of a failed run in a folder of one's own."""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing
from pathlib import Path

import click

from galley.cli.session import Session, parse_id, with_session
from galley.client.debugging import Workbench
from galley.domain.debug import DebugKit, DebugPlan
from galley.errors import InvalidInput, NotFound
from galley.locking import personal_environment


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--task", help="Which task's failure; default: the one that ended the run.")
@click.option("--attempt", type=click.IntRange(1), help="Default: the latest.")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to; default: debug/RUN-TASK in the home folder.",
)
@click.option("--replace", is_flag=True, help="Write over what an earlier `galley debug` wrote.")
@click.option(
    "--environment",
    "make",
    is_flag=True,
    help="Make the run's environment first, where it is not there: a kernel of its own. A notebook "
    "that was written before gets it, and stays as it is.",
)
@with_session
def debug(
    session: Session,
    run_id: str,
    task: str | None,
    attempt: int | None,
    folder: Path | None,
    replace: bool,
    make: bool,
) -> None:
    """Write the notebook of a run, with its values, to go through it yourself."""
    run = session.client.run(parse_id(run_id))
    number = attempt or run.attempt_count
    if number == 0:
        raise NotFound(f"run {run.id} has not been started yet: there is nothing to debug.")
    kit = session.client.debug_kit(run.id, number, task=task)
    bench = Workbench(Path.home(), os.environ, kernels=_kernels(always=make))
    target = None if folder is None else folder.absolute()
    plan = bench.plan(kit, target)
    if make and not plan.same_environment:
        if not plan.can_make:
            raise InvalidInput(_no_environment(kit), field="--environment")
        session.output.say("environment: being made")
        with closing(personal_environment(kit.lock.text, os.environ)):
            pass
    notebook = Path.home() / plan.notebook
    if make and notebook.exists() and not replace:
        plan = bench.use_environment(kit, target)
        if not _has_kernel(notebook, plan.kernel):
            plan = plan.model_copy(update={"missing": (*plan.missing, _NO_NOTEBOOK)})
    else:
        plan = bench.write(kit, target, replace=replace)
    session.output.model(plan, _sentences(plan))


_NO_NOTEBOOK = "What was written is no notebook any more: its kernel could not be changed."


def _has_kernel(notebook: Path, kernel: str) -> bool:
    try:
        return bool(json.loads(notebook.read_text())["metadata"]["kernelspec"]["name"] == kernel)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _no_environment(kit: DebugKit) -> str:
    if kit.lock.digest is None:
        return "the run had no locked environment: leave the option out."
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (
        f"the run's environment has Python {kit.lock.python}, here is {here}: leave the option "
        "out, or debug it where that Python is."
    )


def _kernels(*, always: bool) -> Path | None:
    """Return the folder of the person's kernel specs; None outside a server of the platform."""
    if not always and "GALLEY_ENVIRONMENTS" not in os.environ:
        return None
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "kernels"


def _sentences(plan: DebugPlan) -> str:
    lines = [f"written: {plan.notebook}" if plan.written else f"as it was: {plan.notebook}"]
    if plan.error is not None:
        lines.append(f"it failed: {plan.error.message}")
    if plan.same_environment:
        lines.append("environment: the run's own, at the same versions")
    else:
        again = "; --environment makes its own" if plan.can_make else ""
        lines.append(f"environment: yours, which differs from the run's{again}:")
        lines += [
            f"  {one.name}: the run had {one.run}, here is {one.here or 'none'}"
            for one in plan.differences
        ]
    lines += [f"not readable: {one.path}: {one.why}" for one in plan.unreadable]
    lines += [f"note: {one}" for one in plan.missing]
    return "\n".join(lines)
