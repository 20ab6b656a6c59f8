"""Executed notebooks are papermill's, whoever executes them; one notebook per phenomenon."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from galley.run.observer import FORKED, STARTED
from galley.run.sockets import KernelManager
from galley.run.zygotes import Zygotes, own_zygotes
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from tests.galley.run.conformance import Phenomenon, comparable, executed_cells, phenomena
from tests.galley.run.executing import Executed

pytestmark = pytest.mark.integration

PAPERMILL = "nbclient"
"""papermill's name for its own engine."""
ENGINES = ("galley", "galley-kernel")
NOT_NBCLIENTS = {
    "raises exception": "a tag lets papermill go on, but in the end it fails all the same",
    "system exit": "to papermill SystemExit(0) is a good end, to nbclient an error",
}
"""Where papermill and nbclient themselves differ, there we are papermill's."""


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the zygotes of papermill's engine of ours live; a short path, for their sockets."""
    folder = tmp_path_factory.mktemp("runtime")
    yield folder
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_RUNTIME_DIR", str(folder))
        own_zygotes().close()


def made(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def by_papermill(
    folder: Path, one: Phenomenon, engine: str, **options: Any
) -> tuple[Path, Exception | None]:
    """Have papermill execute a notebook; return the executed one, and what it failed with."""
    source, output = folder / "in.ipynb", folder / "executed.ipynb"
    source.write_text(json.dumps(one.document))
    # With papermill's own manager it waits for ever, sometimes.
    manager = {"kernel_manager_class": KernelManager} if engine == PAPERMILL else {}
    try:
        papermill.execute_notebook(
            str(source),
            str(output),
            one.parameters or None,
            engine_name=engine,
            kernel_name="python3",
            progress_bar=False,
            cwd=folder,
            **manager,
            **options,
        )
    except (papermill.PapermillExecutionError, DeadKernelError) as error:
        return output, error
    return output, None


def prepared(folder: Path, one: Phenomenon) -> Any:
    """Return the notebook with its parameters injected, as tasks and nbclient get theirs."""
    source = folder / "prepared.ipynb"
    source.write_text(json.dumps(one.document))
    return papermill.execute_notebook(
        str(source), None, one.parameters or None, kernel_name="python3", prepare_only=True
    )


def by_nbclient(folder: Path, document: Any) -> tuple[Path, Exception | None]:
    output, failed = folder / "executed.ipynb", None
    client = NotebookClient(
        document,
        kernel_manager_class=KernelManager,
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute()
    except (CellExecutionError, DeadKernelError) as error:
        failed = error
    nbformat.write(document, output)
    return output, failed


@pytest.mark.parametrize("phenomenon", phenomena())
def test_the_executed_notebook_is_papermills_and_nbclients(
    tmp_path: Path,
    phenomenon: str,
    zygotes: Zygotes,
    runtime: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of both engines in papermill, and of tasks, whose kernel is forked or started.

    What papermill adds, its banners and its status, nbclient's lacks.
    """
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # ipykernel would not capture what C code prints
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    one = phenomena()[phenomenon]
    peer, failed = by_papermill(made(tmp_path, "peer"), one, PAPERMILL)
    wanted = comparable(peer)
    for engine in ENGINES:
        ours, error = by_papermill(made(tmp_path, engine), one, engine)
        assert type(error) is type(failed), engine
        assert comparable(ours) == wanted, engine
    document = prepared(tmp_path, one)
    for way, forking in ((FORKED, zygotes), (STARTED, None)):
        executed = Executed(made(tmp_path, way), forking)
        done = executed.execute(nbformat.writes(document))
        assert done.kernel == way
        assert (done.error is None) == (failed is None), done.error
        assert comparable(executed.output) == wanted, way
    theirs, error = by_nbclient(made(tmp_path, "client"), document)
    same = executed_cells(theirs) == executed_cells(peer) and (error is None) == (failed is None)
    assert same != (phenomenon in NOT_NBCLIENTS), error


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("<A at 0x7f01>", "<A at 0x7f02>", True),
        ("flags: 0x7f01", "flags: 0x7f02", False),
        ("Wall time: 5 ms\n", "Wall time: 1.5 s\n", True),
        ("took 5 ms\n", "took 3 min\n", False),
        ("9 ns ± 1 ns per loop (mean ± std. dev.", "8 ns ± 2 ns per loop (mean ± std. dev.", True),
        ("9 ns ± 1 ns per loop", "8 ns ± 1 ns per loop", False),
        (f"md5 {'0' * 32}", f"md5 {'1' * 32}", False),
        ("/tmp/ipykernel_1/2.py", "/tmp/ipykernel_3/2.py", True),
        ("/tmp/a/2.py", "/tmp/b/2.py", False),
    ],
)
def test_no_more_is_left_out_than_differs_each_time(
    tmp_path: Path, one: str, other: str, same: bool
) -> None:
    found = []
    for text in (one, other):
        document = Phenomenon(["1"], {}).document
        output = nbformat.v4.new_output("stream", name="stdout", text=text)
        document["cells"][0]["outputs"] = [output]
        (tmp_path / "executed.ipynb").write_text(json.dumps(document))
        found.append(comparable(tmp_path / "executed.ipynb"))
    assert (found[0] == found[1]) == same


LONG = Phenomenon(
    [
        "print('before')",
        (
            "from pathlib import Path\nfrom time import sleep\nwhile not Path('seen').exists():\n"
            "    print('tick', flush=True)\n    sleep(0.1)"
        ),
        "print('after')",
    ],
    {},
)
"""Its second cell prints until somebody has seen that in the notebook on disk."""


@contextlib.contextmanager
def copied_meanwhile(folder: Path) -> Iterator[Path]:
    """Copy the notebook in a folder when it has a first output of its second cell."""
    copy, ended = folder / "meanwhile.ipynb", threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            with contextlib.suppress(OSError, ValueError):  # not there, or half written
                document = json.loads((folder / "executed.ipynb").read_text())
                if outputs := document["cells"][1]["outputs"]:
                    lines = {line for output in outputs for line in output["text"]}
                    outputs[:] = [{**outputs[0], "text": sorted(lines)}]  # however many by then
                    copy.write_text(json.dumps(document))
                    (folder / "seen").touch()
                    return

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield copy
    finally:
        ended.set()
        looking.join()


def test_what_is_on_disk_during_a_long_cell_is_papermills(
    tmp_path: Path, zygotes: Zygotes, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the cells before, the one that is executed, and those that are to come."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setattr("galley.run.notebook.AUTOSAVE_S", 1)
    saved = {}
    for engine in (PAPERMILL, *ENGINES):
        with copied_meanwhile(made(tmp_path, engine)) as copy:
            by_papermill(copy.parent, LONG, engine, autosave_cell_every=1, execution_timeout=60)
        saved[engine] = comparable(copy)
    document = nbformat.writes(prepared(tmp_path, LONG))
    for way, forking in ((FORKED, zygotes), (STARTED, None)):
        with copied_meanwhile(made(tmp_path, way)) as copy:
            Executed(copy.parent, forking).execute(document, seconds=60)
        saved[way] = comparable(copy)
    wanted = saved.pop(PAPERMILL)
    statuses = [cell["metadata"]["papermill"]["status"] for cell in wanted["cells"]]
    assert statuses == ["completed", "running", "pending"]
    for way, ours in saved.items():
        assert ours == wanted, way
