"""papermill's engines and the kernel provisioner that fork, reached as anybody reaches them."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from galley.run import zygotes
from galley.run.provisioner import ForkProvisioner
from galley.run.zygotes import NoZygote
from jupyter_client.kernelspec import KernelSpec, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_async, ensure_event_loop
from nbclient.exceptions import DeadKernelError

from tests.galley.run.projects import notebook

pytestmark = pytest.mark.integration

BATCH, KERNEL, PROVISIONER = "galley", "galley-kernel", "galley-fork"
"""By these names others find them."""
NBCLIENT = "nbclient"
"""papermill's own engine."""


@pytest.fixture(autouse=True)
def own_zygotes(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The person's own zygotes live in a folder of the tests."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.getbasetemp()))
    yield
    zygotes.own_zygotes().close()


def executed(folder: Path, engine: str, *cells: Any, **options: Any) -> list[Any]:
    (folder / "in.ipynb").write_text(json.dumps(notebook(*cells)))
    done = papermill.execute_notebook(
        str(folder / "in.ipynb"),
        str(folder / "out.ipynb"),
        engine_name=engine,
        progress_bar=False,
        **options,
    )
    assert nbformat.read(folder / "out.ipynb", as_version=4).cells == done.cells
    return list(done.cells)


FORKED = "import os\nprint(open(f'/proc/{os.getppid()}/cmdline').read().count('zygote.py'))"


@pytest.mark.parametrize("engine", [BATCH, KERNEL])
def test_papermill_finds_the_engine_and_its_kernel_is_forked(tmp_path: Path, engine: str) -> None:
    cells = executed(
        tmp_path, engine, ("a = 1", ["parameters"]), f"{FORKED}\na", parameters={"a": 4}
    )
    stream, result = cells[2].outputs
    assert stream.text == "1\n"
    assert result.data["text/plain"] == "4"


INSTALLS = "import sys\nif not sys:\n    %pip install colorsys\nprint('colorsys' in sys.modules)"


@pytest.mark.parametrize("engine", [BATCH, KERNEL])
def test_a_notebook_that_installs_packages_imports_what_it_has_installed(
    tmp_path: Path, engine: str
) -> None:
    """Nothing has been imported for it, but its kernel is forked all the same."""
    executed(tmp_path, BATCH, "import colorsys")
    installs, forked = executed(tmp_path, engine, INSTALLS, FORKED)
    assert (installs.outputs[0].text, forked.outputs[0].text) == ("False\n", "1\n")


@pytest.mark.parametrize("engine", [BATCH, KERNEL])
def test_a_failing_cell_is_papermills_error(tmp_path: Path, engine: str) -> None:
    with pytest.raises(papermill.PapermillExecutionError, match="ZeroDivisionError") as caught:
        executed(tmp_path, engine, "1", "1 / 0")
    assert caught.value.cell_index == 1


@pytest.mark.parametrize("engine", [BATCH, KERNEL])
def test_papermills_time_limit_of_a_cell_holds(tmp_path: Path, engine: str) -> None:
    with pytest.raises(
        TimeoutError, match="timed out while it was being executed, after 1 seconds"
    ):
        executed(tmp_path, engine, "import time\ntime.sleep(600)", execution_timeout=1)
    cut = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    assert [output.ename for output in cut[0].outputs] == ["KeyboardInterrupt"]
    (next_one,) = executed(tmp_path, engine, "40 + 2", execution_timeout=60)
    assert next_one.outputs[0].data["text/plain"] == "42"


@pytest.mark.parametrize("engine", [NBCLIENT, BATCH, KERNEL])
def test_nobody_looks_after_a_kernel_that_has_died(tmp_path: Path, engine: str) -> None:
    """What would fail in it is told on standard error, as a traceback after the reason."""
    with pytest.raises(DeadKernelError, match="Kernel died"):
        executed(tmp_path, engine, "import os\nos._exit(0)")
    left = map(repr, asyncio.all_tasks(ensure_event_loop()))
    assert [task for task in left if "poll_kernel_alive" in task] == []


@pytest.mark.parametrize("engine", [NBCLIENT, BATCH, KERNEL])
def test_a_kernel_that_ends_between_two_cells_is_papermills_error(
    tmp_path: Path, engine: str
) -> None:
    told = tmp_path / "pid"

    def ended(cell_index: int, **_: Any) -> None:
        if cell_index == 1:
            pid = int(told.read_text())
            process = os.pidfd_open(pid)
            os.kill(pid, signal.SIGKILL)
            select.select([process], [], [])
            os.close(process)

    cells = f"import os\nopen({str(told)!r}, 'w').write(str(os.getpid()))", "1"
    with pytest.raises(DeadKernelError, match="Kernel died"):
        executed(tmp_path, engine, *cells, on_cell_start=ended)


@pytest.mark.parametrize("engine", [BATCH, KERNEL])
def test_where_nothing_can_be_forked_a_plain_kernel_is_started(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class NothingToForkFrom(zygotes.Zygotes):
        def fork(self, **_: Any) -> Any:
            raise NoZygote("no kernel could be forked: there is nothing")

    monkeypatch.setattr(zygotes.Zygotes, "fork", NothingToForkFrom.fork)
    cells = executed(tmp_path, engine, FORKED)
    assert cells[0].outputs[0].text == "0\n"
    assert "a plain kernel is started" in caplog.text


@pytest.mark.parametrize("engine", [NBCLIENT, BATCH, KERNEL])
def test_a_kernel_has_the_arguments_that_are_given(
    tmp_path: Path, engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = ["--IPKernelApp.exec_lines=['given = 5']"]
    cells = executed(tmp_path, engine, "print(given)", extra_arguments=given)
    assert cells[0].outputs[0].text == "5\n"
    told = "cannot have extra_arguments; a plain kernel is started" in caplog.text
    assert told == (engine == BATCH)


class OwnManager(AsyncKernelManager):
    """Somebody's own; its kernels can be told by their environment."""

    async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
        await super().start_kernel(**options, env={**os.environ, "WHOSE": "own"})


WHOSE = "import os\nprint(os.environ.get('WHOSE'))"


@pytest.mark.parametrize("engine", [NBCLIENT, BATCH, KERNEL])
def test_a_kernel_has_the_manager_that_is_given(tmp_path: Path, engine: str) -> None:
    (cell,) = executed(tmp_path, engine, WHOSE, kernel_manager_class=OwnManager)
    assert cell.outputs[0].text == "own\n"


@pytest.mark.parametrize("engine", [NBCLIENT, BATCH, KERNEL])
def test_a_manager_that_is_there_already_is_used(
    tmp_path: Path, engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    manager = OwnManager(kernel_name="python3")
    try:
        (cell,) = executed(tmp_path, engine, WHOSE, km=manager)
        assert cell.outputs[0].text == "own\n"
        assert ("a plain kernel is started" in caplog.text) == (engine != NBCLIENT)
    finally:
        asyncio.run(ensure_async(manager.shutdown_kernel(now=True)))


def test_options_that_change_nothing_keep_the_fork(tmp_path: Path) -> None:
    usual: dict[str, Any] = {"extra_arguments": [], "km": None, "ipython_hist_file": ":memory:"}
    (cell,) = executed(tmp_path, BATCH, FORKED, **usual)
    assert cell.outputs[0].text == "1\n"


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of its own, whose kernel is called ``other``."""
    made = tmp_path / "environment"
    venv.create(made, symlinks=True)
    (packages,) = made.glob("lib/python3.*/site-packages")
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
    folder = tmp_path / "jupyter" / "kernels" / "other"
    folder.mkdir(parents=True)
    launcher = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {
        "argv": [str(made / "bin/python"), *launcher],
        "display_name": "Other",
        "language": "python",
        "env": {"OF_THE_SPEC": "${HOME}/x"},
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    return made


OF_THE_SPEC = "import sys\nprint(sys.prefix, os.environ['OF_THE_SPEC'])"


@pytest.mark.parametrize("engine", [BATCH, KERNEL])
def test_the_kernel_is_forked_from_the_interpreter_that_its_spec_names(
    tmp_path: Path, engine: str, other: Path
) -> None:
    name = f"ipykernel-{version('ipykernel')}.dist-info"
    (packages,) = other.glob("lib/python3.*/site-packages")
    (packages / name).symlink_to(Path(sysconfig.get_path("purelib")) / name)
    cells = executed(tmp_path, engine, FORKED, OF_THE_SPEC, kernel_name="other")
    assert cells[0].outputs[0].text == "1\n"
    assert cells[1].outputs[0].text == f"{other} {os.environ['HOME']}/x\n"


def test_an_interpreter_whose_fork_may_mean_something_else_is_started(
    tmp_path: Path, other: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells = executed(tmp_path, BATCH, FORKED, OF_THE_SPEC, kernel_name="other")
    assert cells[0].outputs[0].text == "0\n"
    assert cells[1].outputs[0].text == f"{other} {os.environ['HOME']}/x\n"
    assert f"{other}/bin/python has not ipykernel" in caplog.text
    assert "a plain kernel is started" in caplog.text


@pytest.mark.parametrize("engine", [NBCLIENT, BATCH, KERNEL])
def test_an_unknown_kernel_is_papermills_error(tmp_path: Path, engine: str) -> None:
    with pytest.raises(NoSuchKernel, match="nosuch"):
        executed(tmp_path, engine, "1", kernel_name="nosuch")


@pytest.mark.parametrize("named", ["", "agg"])
def test_the_backend_of_plots_is_that_of_a_started_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("MPLBACKEND", named)
    code = "import os\nimport matplotlib\nmatplotlib.get_backend(), os.environ['MPLBACKEND']"
    said = {
        engine: executed(tmp_path, engine, code)[-1].outputs
        for engine in (BATCH, KERNEL, "nbclient")
    }
    assert said[BATCH] == said[KERNEL] == said["nbclient"]


STANDING = """
import os, resource, signal
from pathlib import Path

told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
for name in ("Umask", "SigBlk", "SigIgn", "Cpus_allowed_list"):
    print(name, told[name].strip())
for name in sorted(dir(resource)):
    if name.startswith("RLIMIT_") and name != "RLIMIT_CORE":  # a fork leaves no core file
        print(name, resource.getrlimit(getattr(resource, name)))
print("nice", os.getpriority(os.PRIO_PROCESS, 0))
"""
CALLER = """
import os, resource, signal, sys
import papermill

if sys.argv[1] == "first":
    os.umask(0o077)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
else:
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))
for engine in (*sys.argv[2:], "nbclient"):
    done = papermill.execute_notebook("in.ipynb", None, engine_name=engine, progress_bar=False)
    print(done.cells[0].outputs[0].text.replace("\\n", "; "))
"""


def test_a_fork_has_what_a_started_kernel_would_have_of_its_caller(tmp_path: Path) -> None:
    """Of its own caller; not of the one before, for whom the zygote was started."""
    (tmp_path / "in.ipynb").write_text(json.dumps(notebook(STANDING)))
    for caller in ("first", "second"):
        said = subprocess.run(
            [sys.executable, "-c", CALLER, caller, BATCH, KERNEL],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        batch, kernel, started = said.splitlines()
        assert batch == started, caller
        assert kernel == started, caller


async def _serves(manager: AsyncKernelManager) -> tuple[str, int]:
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=60)
        reply = await client.execute_interactive(
            "x = 7", user_expressions={"x": "x", "ppid": "__import__('os').getppid()"}, timeout=60
        )
    finally:
        client.stop_channels()
    told = reply["content"]["user_expressions"]
    return told["x"]["data"]["text/plain"], int(told["ppid"]["data"]["text/plain"])


def test_any_client_starts_interrupts_restarts_and_ends_forked_kernels() -> None:
    class Forking(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            spec = super().kernel_spec
            assert spec is not None
            spec.metadata["kernel_provisioner"] = {"provisioner_name": PROVISIONER}
            return spec

    async def story() -> None:
        manager = Forking(kernel_name="python3")
        await manager.start_kernel()
        assert isinstance(manager.provisioner, ForkProvisioner)
        value, parent = await _serves(manager)
        assert value == "7"
        assert "zygote.py" in Path(f"/proc/{parent}/cmdline").read_text()
        await manager.interrupt_kernel()
        await manager.restart_kernel(now=True)
        assert (await _serves(manager))[0] == "7"
        await manager.shutdown_kernel()
        assert not await manager.is_alive()

    asyncio.run(story())
