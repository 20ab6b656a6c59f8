"""Take a snapshot of a notebook's namespace after chosen cells, from within its kernel.

``prepare`` writes a folder that IPython takes as its own (``IPYTHONDIR``): its one startup file
executes this one, which registers for the end of each cell. The notebook notices nothing: no name
appears in its namespace, nothing is printed, no output and no execution count changes, and an
error of the probe ends up in the snapshot's file, never in the notebook.

The configuration is a JSON file named by the environment variable ``GALLEY_PROBE``:

    fingerprint  path of ``fingerprint.py``
    random       path of ``random_states.py``
    output       folder for the snapshots, ``CELL.json`` each
    after        number of the executed code cell, from 1 → the cell's name in the output
    crossing     names that another task needs: a list for all cells, or the output's name → list
    draws        number of the executed code cell, from 1 → the cell's name in the output
    restore      number of the executed code cell, from 1 → states of :mod:`random_states`

``CELL.random`` in the output says where generators of random numbers stand after a cell of
``draws`` that has moved them; ``begin.random`` where they stood before all.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

VARIABLE = "GALLEY_PROBE"

_STARTUP = """\
def _galley_start():
    import pathlib
    source = pathlib.Path({probe!r})
    module = {{"__name__": "galley_probe", "__file__": str(source)}}
    try:
        exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), module)
        module["install"](get_ipython())
    except Exception:
        pass


_galley_start()
del _galley_start
"""


def prepare(
    folder: Path,
    *,
    after: Mapping[int, int],
    output: Path,
    crossing: Mapping[int, Sequence[str]] | Sequence[str] = (),
    draws: Mapping[int, int] = MappingProxyType({}),
    restore: Mapping[int, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, str]:
    """Write what a kernel needs to be probed and return the environment variables to add.

    Args:
        folder: an empty or new folder that the kernel may write to.
        after: number of the code cell among those that are executed, from 1 (papermill's
            parameters count, cells without source do not) → index of the published cell.
        output: folder for the snapshots, ``INDEX.json``: ``{"cell", "names", "aliases",
            "states"}``, or ``{"cell", "error"}`` where it failed.
        crossing: names for which it is also tried whether they can be handed over: for each
            published cell, or for all.
        draws: the cells after which it is noted where generators of random numbers stand.
        restore: number of a code cell, as in ``after`` → where they are to stand before it.
    """
    ipython, here = folder.resolve() / "ipython", Path(__file__).resolve().parent
    startup = ipython / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    output.mkdir(parents=True, exist_ok=True)
    # Copied: a sandbox need not see this package.
    for name in ("probe.py", "fingerprint.py", "random_states.py"):
        (folder / name).write_bytes((here / name).read_bytes())
    code = _STARTUP.format(probe=str(folder.resolve() / "probe.py"))
    (startup / "00-galley.py").write_text(code, encoding="utf-8")
    names: Any = (
        {str(cell): list(wanted) for cell, wanted in crossing.items()}
        if isinstance(crossing, Mapping)
        else list(crossing)
    )
    config = {
        "fingerprint": str(folder.resolve() / "fingerprint.py"),
        "random": str(folder.resolve() / "random_states.py"),
        "output": str(output.resolve()),
        "draws": {str(number): cell for number, cell in draws.items()},
        "restore": {str(number): dict(states) for number, states in restore.items()},
        "after": {str(number): cell for number, cell in after.items()},
        "crossing": names,
    }
    (folder / "probe.json").write_text(json.dumps(config), encoding="utf-8")
    return {"IPYTHONDIR": str(ipython), VARIABLE: str(folder.resolve() / "probe.json")}


def install(shell: Any) -> None:
    """Register for the end of each cell of an IPython shell, if there is a configuration."""
    path = os.environ.get(VARIABLE)
    if path:
        probe = _Probe(shell, json.loads(Path(path).read_text(encoding="utf-8")))
        if probe.restores:
            shell.events.register("pre_run_cell", probe.cell_begins)
        shell.events.register("post_run_cell", probe.cell_ended)


class _Probe:
    """Counts cells and takes the snapshots."""

    def __init__(self, shell: Any, config: dict[str, Any]):
        self._shell, self._config, self._count = shell, config, 0
        self._fingerprint = _executed(Path(config["fingerprint"]))
        self._random: dict[str, Any] = {}
        self._drawn: Any = None
        if config["draws"] or config["restore"]:
            self._random = _executed(Path(config["random"]))
        if config["draws"]:
            self._drawn = self._random["Drawn"]()
            self._note_drawn("begin")

    @property
    def restores(self) -> bool:
        """Whether generators of random numbers are to be set before a cell."""
        return bool(self._config["restore"])

    def cell_begins(self, info: Any) -> None:
        """Set generators of random numbers, if they are to stand somewhere before this cell."""
        if not info.store_history or info.silent:
            return
        if states := self._config["restore"].get(str(self._count + 1)):
            with contextlib.suppress(Exception):  # what hangs on the numbers differs, and is seen
                self._random["restore"](states)

    def _note_drawn(self, cell: int | str) -> None:
        with contextlib.suppress(Exception):  # then no task finds them anywhere: as above
            if (moved := self._drawn.moved()) is not None:
                self._write(f"{cell}.random", moved)

    def cell_ended(self, result: Any) -> None:
        """Take a snapshot if this cell is one of those asked for; never raise."""
        if not result.info.store_history or result.info.silent:
            return
        self._count += 1
        if (ran := self._config["draws"].get(str(self._count))) is not None:
            self._note_drawn(ran)
        cell = self._config["after"].get(str(self._count))
        if cell is None:
            return
        try:
            self._write(f"{cell}.json", {"cell": cell, **self._snapshot(cell)})
        except Exception as error:
            self._give_up(cell, error)

    def _snapshot(self, cell: int) -> dict[str, Any]:
        crossing = self._config.get("crossing") or ()
        secrets: Any = sys.modules.get("galley_inside_secrets")
        names_of: Mapping[str, Any] = self._shell.user_ns
        if secrets is not None:  # a digest of a short password would be a way to find it out
            names_of = {name: one for name, one in names_of.items() if not secrets.holds(one)}
        names = crossing.get(str(cell), ()) if isinstance(crossing, dict) else crossing
        out, err = sys.stdout, sys.stderr
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            sys.stdout = sys.stderr = nowhere  # what a library says while it is looked at
            try:
                taken: dict[str, Any] = self._fingerprint["snapshot"](names_of, crossing=names)
            finally:
                sys.stdout, sys.stderr = out, err
        return taken

    def _write(self, name: str, content: dict[str, Any]) -> None:
        target = Path(self._config["output"]) / name
        part = target.with_name(f".{target.name}.{os.getpid()}")
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(target)

    def _give_up(self, cell: int, error: Exception) -> None:
        with contextlib.suppress(Exception):  # a missing file says it too, and the notebook goes on
            error_of = {"cell": cell, "error": f"{type(error).__name__}: {error}"}
            self._write(f"{cell}.json", error_of)


def _executed(source: Path) -> dict[str, Any]:
    """Return the names of a file of Python that is in no path of the notebook's."""
    names: dict[str, Any] = {"__name__": f"galley_{source.stem}"}
    exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), names)  # noqa: S102
    return names
