"""A version's project as a Ploomber DAG with the values of one run."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import NoSuchKernel
from papermill.iorw import load_notebook_node
from ploomber import exceptions as ploomber_errors
from ploomber.products import MetaProduct
from ploomber.spec import DAGSpec, dagspec
from ploomber.tasks import NotebookRunner

from galley.errors import GalleyError
from galley.notebook.declared import declared_names
from galley.run import translators as _translators  # noqa: F401  registers them
from galley.run.cells import own_cells
from galley.run.failures import no_kernel

# Of every task with an upstream: that its source does not name `upstream`, which it need not.
warnings.filterwarnings("ignore", message=r"\s*=+ DAG render with warnings", category=UserWarning)

_LOADING = (
    ploomber_errors.BaseException,
    ploomber_errors.DAGRenderError,
    ploomber_errors.DAGCycle,
    ploomber_errors.DAGSpecInvalidError,
    ploomber_errors.SpecValidationError,
    ploomber_errors.TaskRenderError,
    ploomber_errors.UpstreamKeyError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
)


class BrokenProject(GalleyError):
    """The project cannot be turned into a DAG of notebooks; the message says why."""


@contextlib.contextmanager
def _beside(path: str | None, chdir: bool) -> Iterator[None]:
    """Be in a project's folder, importing nothing of it.

    Ploomber's own puts the folder first on ``sys.path``, for callables that a ``pipeline.yaml``
    names; ours names none. A version's ``ipykernel.py`` would be imported by the process that has
    the run's secrets and tells how it ended.
    """
    with contextlib.chdir(path) if path is not None and chdir else contextlib.nullcontext():
        yield


dagspec.add_to_sys_path = _beside


def load_dag(project: Path, parameters: Mapping[str, Any]) -> Any:
    """Return the rendered DAG of the project in ``project``, the current directory.

    Each parameter goes to the tasks that declare it, as a value and never as text: papermill
    writes it into the notebook as a typed literal.

    Raises:
        BrokenProject: it does not load or render, holds something other than notebooks, or no
            task declares one of the parameters.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            dag = DAGSpec(str(project / "pipeline.yaml")).to_dag()
            _set_parameters(dag, parameters)
            dag.render(force=True, show_progress=False)
    except _LOADING as error:
        raise BrokenProject(f"the project cannot be built: {_reasons(error)}") from error
    return dag


def _reasons(error: BaseException) -> str:
    """Return what an error and its causes say: Ploomber's own names the task, not what it lacks."""
    said: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NoSuchKernel):
            said.append(no_kernel(cause.name))
        elif (text := str(cause).strip()) and not any(text in one for one in said):
            said.append(text)
        cause = cause.__cause__
    return " ".join(said)


def _set_parameters(dag: Any, parameters: Mapping[str, Any]) -> None:
    unknown = set(parameters)
    for name in dag:
        task = dag[name]
        if not isinstance(task, NotebookRunner):
            raise BrokenProject(
                f"task {name!r} is a {type(task).__name__}; the tasks of a pipeline are notebooks"
            )
        declared = _declared(task) & set(parameters) if parameters else set()
        for parameter in declared:
            task.params._setitem(parameter, parameters[parameter])
        unknown -= declared
    if unknown:
        raise BrokenProject(
            f"no task declares the parameters {', '.join(sorted(unknown))} in a cell tagged "
            "'parameters'"
        )


def _declared(task: Any) -> set[str]:
    found = {*declared_names(load_notebook_node(str(task.source.loc)))}
    return (found | set(task.params)) - {"upstream", "product"}


def build_all(dag: Any) -> None:
    """Build every task of a DAG that was just loaded, whatever its products say.

    Raises:
        DAGBuildError: a task failed.
    """
    dag._params.cache_rendered_status = True  # or all of it would be rendered once more
    dag.build(force=True, show_progress=False)


def upstream_of(task: Any) -> tuple[str, ...]:
    """Return the names of the tasks that a task waits for."""
    return tuple(sorted(str(name) for name in task.upstream))


def products_of(task: Any, project: Path) -> tuple[Path, ...]:
    """Return what a task makes beside its notebook, relative to ``project``, where it lies."""
    if not isinstance(task.product, MetaProduct):
        return ()
    keys = task.nb_product_key
    notebooks = {keys} if isinstance(keys, str) else set(keys)
    made = task.product.to_json_serializable()
    return _within(project, (path for key, path in made.items() if key not in notebooks))


def all_products_of(task: Any, project: Path) -> tuple[Path, ...]:
    """Return what a task makes, its executed notebooks too, relative to ``project``."""
    made = task.product
    single = not isinstance(made, MetaProduct)
    return _within(project, [str(made)] if single else made.to_json_serializable().values())


def _within(project: Path, paths: Iterable[str]) -> tuple[Path, ...]:
    found = (Path(path) for path in paths)
    return tuple(path.relative_to(project) for path in found if path.is_relative_to(project))


def cells_of(task: Any) -> int:
    """Return how many code cells of the author's a rendered task has."""
    return len(own_cells(task.source.nb_obj_rendered.cells))
