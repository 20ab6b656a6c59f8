"""``galley execute``: one notebook on this machine, in a forked kernel; papermill's flags."""

from __future__ import annotations

import base64
import logging
import os
import sys
from pathlib import Path
from typing import Any

import click

from galley.domain.documents import other_language
from galley.errors import GalleyError

ENGINES = {"batch": "galley", "kernel": "galley-kernel", "papermill": "nbclient"}


@click.command()
@click.argument("notebook")
@click.argument("output", default="")
@click.option("-p", "--parameters", nargs=2, multiple=True, metavar="NAME VALUE")
@click.option(
    *("-r", "--parameters-raw", "--parameters_raw", "raw"),
    nargs=2,
    multiple=True,
    metavar="NAME TEXT",
)
@click.option(
    *("-f", "--parameters-file", "--parameters_file", "files"),
    multiple=True,
    metavar="FILE",
    help="YAML.",
)
@click.option(
    *("-y", "--parameters-yaml", "--parameters_yaml", "texts"), multiple=True, metavar="YAML"
)
@click.option(
    *("-b", "--parameters-base64", "--parameters_base64", "coded"),
    multiple=True,
    metavar="TEXT",
    help="YAML in Base64.",
)
@click.option("--inject-input-path", is_flag=True, help="As parameter PAPERMILL_INPUT_PATH.")
@click.option("--inject-output-path", is_flag=True, help="As parameter PAPERMILL_OUTPUT_PATH.")
@click.option("--inject-paths", is_flag=True, help="Both paths.")
@click.option("-k", "--kernel", help="Name of the kernel; by default the notebook's.")
@click.option("-l", "--language", help="Language of the notebook; by default its own.")
@click.option("--cwd", type=click.Path(exists=True, file_okay=False), help="Working directory.")
@click.option("--progress-bar/--no-progress-bar", default=None, help="Default: on a terminal.")
@click.option("--log-output/--no-log-output", default=False, help="Also print what cells print.")
@click.option("--stdout-file", type=click.File(mode="w", encoding="utf-8", lazy=True))
@click.option("--stderr-file", type=click.File(mode="w", encoding="utf-8", lazy=True))
@click.option(
    "--log-level",
    type=click.Choice(["NOTSET", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
    help="Default: INFO with --log-output, else WARNING.",
)
@click.option("--prepare-only/--prepare-execute", default=False, help="Only inject the parameters.")
@click.option(
    "--report-mode/--no-report-mode", default=False, help="Hide the input cells in the result."
)
@click.option("--execution-timeout", type=click.IntRange(min=1), metavar="S", help="Per cell.")
@click.option(
    "--start-timeout", "--start_timeout", type=click.IntRange(min=1), default=60, metavar="S"
)
@click.option("--autosave-cell-every", type=click.IntRange(min=0), default=30, metavar="S")
@click.option(
    "--request-save-on-cell-execute/--no-request-save-on-cell-execute",
    default=True,
    help="Save after each cell.",
)
@click.option(
    "--engine",
    type=click.Choice(list(ENGINES)),
    default="batch",
    show_default=True,
    help="batch: a fork executes the cells; kernel: a forked kernel with sockets; papermill: none.",
)
def execute(
    notebook: str,
    output: str,
    parameters: tuple[tuple[str, str], ...],
    raw: tuple[tuple[str, str], ...],
    files: tuple[str, ...],
    texts: tuple[str, ...],
    coded: tuple[str, ...],
    inject_input_path: bool,
    inject_output_path: bool,
    inject_paths: bool,
    kernel: str | None,
    cwd: str | None,
    progress_bar: bool | None,
    log_level: str | None,
    engine: str,
    **options: Any,
) -> None:
    """Execute NOTEBOOK as papermill does, and write the executed one to OUTPUT.

    The first run starts an interpreter that has the imports ready; it ends when it has not been
    used for ten minutes, and until then a run costs what its own code costs. An unknown parameter
    is refused. Without OUTPUT nothing is written. The exit status is 1 where a cell fails.
    """
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # two seconds of compiling
    try:
        from jupyter_client.kernelspec import NoSuchKernel
        from papermill import PapermillExecutionError, execute_notebook
        from papermill.exceptions import PapermillException

        from galley.run import failures
        from galley.run import translators as _translators  # noqa: F401  registers them
    except ModuleNotFoundError as error:
        raise GalleyError(
            f"executing notebooks needs {error.name}: pip install 'galley[runner]'"
        ) from error
    quiet = "INFO" if options["log_output"] else "WARNING"
    logging.basicConfig(level=log_level or quiet, format="%(message)s")
    values = _values(parameters, raw, files, texts, coded)
    _refuse_unknown(notebook, values)
    if inject_input_path or inject_paths:
        values["PAPERMILL_INPUT_PATH"] = notebook
    if inject_output_path or inject_paths:
        values["PAPERMILL_OUTPUT_PATH"] = output
    try:
        execute_notebook(
            notebook,
            output or None,
            values,
            engine_name=ENGINES[engine],
            kernel_name=kernel,
            cwd=cwd,
            progress_bar=sys.stderr.isatty() if progress_bar is None else progress_bar,
            **options,
        )
    except PapermillExecutionError as error:
        raise GalleyError(
            f"cell {error.cell_index + 1} raised {error.ename}: {error.evalue}"
        ) from error
    except NoSuchKernel as error:
        raise GalleyError(failures.no_kernel(error.name)) from error
    except (PapermillException, OSError, RuntimeError, ValueError) as error:
        raise GalleyError(f"{notebook} could not be executed: {error}") from error


def _values(
    parameters: tuple[tuple[str, str], ...],
    raw: tuple[tuple[str, str], ...],
    files: tuple[str, ...],
    texts: tuple[str, ...],
    coded: tuple[str, ...],
) -> dict[str, Any]:
    """Return the values in papermill's order: Base64, files, YAML, typed by their look, texts."""
    import yaml
    from papermill.cli import _resolve_type
    from papermill.iorw import NoDatesSafeLoader

    values: dict[str, Any] = {}
    try:
        decoded = [base64.b64decode(one, validate=True).decode() for one in coded]
        read = [Path(file).read_text(encoding="utf-8") for file in files]
        for text in (*decoded, *read, *texts):
            values |= yaml.load(text, Loader=NoDatesSafeLoader) or {}  # noqa: S506  a safe one
    except (OSError, yaml.YAMLError, TypeError, ValueError) as error:
        raise GalleyError(f"the parameters cannot be read: {error}") from error
    values |= {name: _resolve_type(value) for name, value in parameters}
    return values | dict(raw)


def _refuse_unknown(notebook: str, values: dict[str, Any]) -> None:
    """Refuse a parameter that no parameters cell of the notebook names; papermill only warns.

    What a notebook in another language than Python names is known to nobody but its author.
    """
    from papermill.iorw import load_notebook_node

    from galley.notebook.declared import declared_names

    if not values or not os.path.exists(notebook):  # noqa: PTH110  it may be an address
        return
    document = load_notebook_node(notebook)
    if other_language(document) is not None:
        return
    known = declared_names(document)
    if unknown := sorted(values.keys() - known):
        names = ", ".join(sorted(known)) or "none: tag the cell that has them with 'parameters'"
        raise GalleyError(f"{notebook} has no parameter {unknown[0]!r}. Its parameters: {names}.")
