"""``galley execute``: one notebook on this machine, in a forked kernel; papermill's flags."""

from __future__ import annotations

import base64
import json
import logging
import os
import stat
import sys
from pathlib import Path
from typing import Any, TextIO

import click

from galley import __version__
from galley.cli.root import fail
from galley.domain.documents import other_language
from galley.errors import GalleyError

ENGINES = {"batch": "galley", "kernel": "galley-kernel", "papermill": "nbclient"}
PIPE = "-"
KERNEL_DIED = 138
"""papermill's exit status for it: a scheduler tells by it that no cell failed."""


def _version(context: click.Context, _: object, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"galley, version {__version__}, with papermill {version('papermill')}")
        context.exit()


@click.command()
@click.argument("notebook", default="")
@click.argument("output", default="")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version)
@click.option("--help-notebook", is_flag=True, help="Show the notebook's parameters.")
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
    help="YAML; a path, an address or -.",
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
@click.option(
    "--execution-timeout", type=int, metavar="S", help="Per cell; by default, and for 0: none."
)
@click.option("--start-timeout", "--start_timeout", type=int, default=60, metavar="S")
@click.option(
    "--autosave-cell-every", type=int, default=30, metavar="S", help="Within a cell; 0: never."
)
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
@click.pass_context
def execute(
    context: click.Context,
    /,
    notebook: str,
    output: str,
    help_notebook: bool,
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
    is refused. Without OUTPUT nothing is written, unless the notebook comes by a pipe. ``-`` is
    standard input or output: ``cat IN | galley execute > OUT``, ``cat IN | galley execute OUT``.
    The exit status is 1 where a cell fails, and 138 where the kernel dies.
    """
    notebook, output = _piped(notebook, output)
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # two seconds of compiling
    try:
        from jupyter_client.kernelspec import NoSuchKernel
        from nbclient.exceptions import DeadKernelError
        from nbformat import ValidationError
        from papermill import PapermillExecutionError, execute_notebook
        from papermill.exceptions import PapermillException
        from papermill.inspection import display_notebook_help

        from galley.run import failures
        from galley.run import translators as _translators  # noqa: F401  registers them
    except ModuleNotFoundError as error:
        raise GalleyError(
            f"executing notebooks needs {error.name}: pip install 'galley[runner]'"
        ) from error
    quiet = "INFO" if options["log_output"] else "WARNING"
    if output == PIPE:  # once, when all is done
        quiet, options["request_save_on_cell_execute"] = "ERROR", False
    logging.basicConfig(level=log_level or quiet, format="%(message)s")
    values: dict[str, Any] = {}
    if inject_input_path or inject_paths:
        values["PAPERMILL_INPUT_PATH"] = notebook
    if inject_output_path or inject_paths:
        values["PAPERMILL_OUTPUT_PATH"] = output
    given = _values(parameters, raw, files, texts, coded)
    if engine != "papermill":
        options["say"] = lambda why: click.echo(f"A plain kernel was started: {why}.", err=True)
    try:
        if help_notebook:
            sys.exit(display_notebook_help(context, notebook, values | given))
        _refuse_unknown(notebook, given)
        execute_notebook(
            notebook,
            output or None,
            values | given,
            engine_name=ENGINES[engine],
            kernel_name=kernel,
            cwd=cwd,
            progress_bar=sys.stderr.isatty() if progress_bar is None else progress_bar,
            **options,
        )
    except ValidationError as error:
        raise GalleyError(
            f"{notebook} is not a valid notebook: {_flaw(notebook) or error.message}"
        ) from error
    except PapermillExecutionError as error:
        raise GalleyError(
            f"cell {error.cell_index + 1} raised {error.ename}: {error.evalue}"
        ) from error
    except NoSuchKernel as error:
        raise GalleyError(failures.no_kernel(error.name)) from error
    except DeadKernelError as error:
        fail(f"{notebook} could not be executed: {error}", KERNEL_DIED)
    except (PapermillException, OSError, RuntimeError, ValueError) as error:
        raise GalleyError(f"{notebook} could not be executed: {error}") from error


def _piped(notebook: str, output: str) -> tuple[str, str]:
    """Return where to read and to write, as papermill understands pipes.

    But for two things: a notebook that is there is read, whatever pipe this was started with, and
    nothing is written to a pipe unless it was asked for.
    """
    comes = _is_pipe(sys.stdin)
    if not notebook and not comes:
        raise click.UsageError("Missing argument 'NOTEBOOK'.")
    if notebook in {"", PIPE}:
        return PIPE, output or PIPE
    if comes and not output and not Path(notebook).exists():
        return PIPE, notebook
    return notebook, output


def _is_pipe(stream: TextIO) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):  # it is closed, or no file
        return False


def _flaw(notebook: str) -> str | None:
    """Return where a notebook's form is broken and how; None where it cannot be told."""
    import nbformat

    try:
        nbformat.validate(json.loads(Path(notebook).read_bytes()))
    except nbformat.ValidationError as error:
        where = list(error.absolute_path)
        cell = f"cell {where[1] + 1}: " if where[:1] == ["cells"] and len(where) > 1 else ""
        return f"{cell}{error.message}"
    except (OSError, ValueError):  # an address, or standard input
        pass
    return None


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
    from papermill.exceptions import PapermillException
    from papermill.iorw import NoDatesSafeLoader, papermill_io

    values: dict[str, Any] = {}
    try:
        joined = ["".join(one.split()) for one in coded]  # `base64` breaks its lines
        decoded = [base64.b64decode(one, validate=True).decode() for one in joined]
        read = [papermill_io.read(file, [".json", ".yaml", ".yml"]) for file in files]
        for text in (*decoded, *read, *texts):
            values |= yaml.load(text, Loader=NoDatesSafeLoader) or {}  # noqa: S506  a safe one
    except (OSError, PapermillException, yaml.YAMLError, TypeError, ValueError) as error:
        raise GalleyError(f"the parameters cannot be read: {error}") from error
    values |= {name: _resolve_type(value) for name, value in parameters}
    return values | dict(raw)


def _refuse_unknown(notebook: str, values: dict[str, Any]) -> None:
    """Refuse a parameter that no parameters cell of the notebook names; papermill only warns.

    What a notebook in another language than Python names is known to nobody but its author.
    """
    from papermill.iorw import load_notebook_node

    from galley.notebook.declared import declared_names

    if not values or not os.path.exists(notebook):  # noqa: PTH110  an address, or a pipe
        return
    document = load_notebook_node(notebook)
    if other_language(document) is not None:
        return
    known = declared_names(document)
    if unknown := sorted(values.keys() - known):
        names = ", ".join(sorted(known)) or "none: tag the cell that has them with 'parameters'"
        raise GalleyError(f"{notebook} has no parameter {unknown[0]!r}. Its parameters: {names}.")
