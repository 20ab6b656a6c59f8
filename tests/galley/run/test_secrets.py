"""A real notebook that lets its secrets out wherever it can, and what stays of it."""

from __future__ import annotations

import base64
import json
import os
import stat
import threading
from pathlib import Path

import nbformat
import pytest
from galley.domain.runs import AttemptState, FailureClass, RunKind, TaskState
from galley.domain.versions import CellError
from galley.domain.work import TaskSecrets
from galley.run.execute import execute_job
from galley.run.job import Tracking, write_private
from galley.run.journal import read_outcome
from galley.run.redaction import Redactor
from galley.run.secrets import HANDED, handed

from tests.galley.run.executing import Executed
from tests.galley.run.jobs import make_job
from tests.galley.run.projects import single

VALUE = "tr0ub4dor&'3'"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQ==\n-----END KEY-----\n"
OTHER = "correct horse battery"
SECRETS = TaskSecrets(
    values={"warehouse": VALUE, "mail": OTHER}, variables={"MAIL_PASSWORD": "mail"}
)

LEAKS = (
    "import galley, os, sys, subprocess\nvalue = galley.secret('warehouse')\nprint(value)",
    "for letter in value:\n    sys.stdout.write(letter)\n    sys.stdout.flush()\nprint()",
    "import pandas as pd\npd.DataFrame({'one': [value], 'two': [os.environ['MAIL_PASSWORD']]})",
    "!env",
    "print(subprocess.run(['env'], capture_output=True, text=True).stdout.count(value))",
    "print(value, file=sys.stderr)",
    "import base64\nprint(base64.b64encode(f'user:{value}'.encode()).decode())",
    "from IPython.display import JSON, display\ndisplay(JSON({'nested': [{'value': value}]}))",
    "open('environ.count', 'w').write(str(open('/proc/self/environ').read().count(value)))",
    "names = [name for name in dir() if 'secret' in name.lower()]\nprint(f'names {names}')",
    "print(sorted(v for v in os.environ if 'SECRET' in v))",
    "os.write(1, value.encode())",
    """import mlflow
mlflow.log_param('login', value)
mlflow.log_params({'login': value})
mlflow.set_tag(f'of {value.encode().hex()}', base64.b64encode(value.encode()).decode())
""",
    "raise ValueError(f'no login with {value} ' + value[::-1][::-1])",
)


def forms(value: str) -> tuple[str, ...]:
    """What may not be found anywhere."""
    return value, value.replace("&", "&amp;"), base64.b64encode(value.encode()).decode()[:-4]


def found_below(folder: Path) -> list[str]:
    """Return the files in which a value stands."""
    texts = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return [
        str(path.relative_to(folder))
        for path, text in texts.items()
        for value in SECRETS.values.values()
        if any(form.encode() in text for form in forms(value))
    ]


class CommandLines(threading.Thread):
    """Looks into the command line of every process while a test runs."""

    def __init__(self) -> None:
        super().__init__()
        self.ended, self.found = threading.Event(), set[str]()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:
                    continue
                if any(value.encode() in line for value in SECRETS.values.values()):
                    self.found.add(repr(line))


@pytest.mark.integration
def test_a_notebook_that_leaks_wherever_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)
    single(tmp_path / "project", *LEAKS)
    tracking = Tracking(
        uri="http://127.0.0.1:9", token="t", experiment="e", outbox=tmp_path / "outbox"
    )
    tracking.outbox.mkdir()
    job = make_job(tmp_path, kind=RunKind.PIPELINE)
    path = tmp_path / "attempt" / "job.json"
    given = job.model_copy(update={"secrets": SECRETS, "tracking": tracking})
    write_private(path, given.model_dump_json())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # Short, or the sockets in it could not be named.
    temporary = tmp_path.parents[1] / f"t{os.getpid()}"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    looking = CommandLines()
    looking.start()
    try:
        outcome = execute_job(
            path, {**os.environ, HANDED: SECRETS.model_dump_json()}, lambda _: None
        )
    finally:
        looking.ended.set()
        looking.join()

    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error is not None
    assert outcome.error.message.endswith(
        "ValueError: no login with [secret warehouse] [secret warehouse]"
    )
    assert outcome.error.cell == 14
    text = (job.notebooks / "report.ipynb").read_text()
    outputs = [
        json.dumps(cell.get("outputs")) for cell in json.loads(text)["cells"] if "outputs" in cell
    ]
    assert sum("[secret warehouse]" in one for one in outputs) >= 6
    assert "MAIL_PASSWORD=[secret mail]" in text
    assert "<td>[secret warehouse]</td>" in text
    assert "names []" in text, "nothing appears in the notebook's namespace"
    assert '"0\\n"' in text, "what the notebook starts does not have it in its environment"
    assert "[]" in outputs[11], "nor does the environment say where it was"
    assert (tmp_path / "project" / "environ.count").read_text() == "0"
    log = (job.journal / "attempt.log").read_text()
    assert log.count("[secret warehouse]") >= 4
    logged = "".join(file.read_text() for file in tracking.outbox.glob("*/log.jsonl"))
    assert '"login":"[secret warehouse]"' in logged
    assert '"of secret warehouse":"[secret warehouse]"' in logged, (
        "MLflow wants no bracket in a key"
    )
    assert found_below(tmp_path) == []
    assert looking.found == set()
    assert read_outcome(job.journal) == outcome


HALVES = (
    """import galley, sys
from IPython.display import display
from ipywidgets import FloatProgress, Output

value = galley.secret('warehouse')
half, rest = value[:6], value[6:]

def say(text, file=sys.stdout):
    file.write(text)
    file.flush()
""",
    "say(f'stderr {half}')\nsay('50%\\n', sys.stderr)\nsay(f'{rest}\\n')",
    "say(f'cell {half}')",
    "say(f'{rest}\\n')",
    "bar = FloatProgress()\nbar",
    "say(f'widget {half}')\nbar.value = 5\nsay(f'{rest}\\n')",
    "say(f'display {half}')\ndisplay(1)\nsay(f'{rest}\\n')",
    """out = Output()
with out:
    say(f'inside {half}')
    say('60%\\n', sys.stderr)
    say(f'{rest}\\n')
out
""",
    "say('x' * 5000 + '\\n' + half)\nsay('70%\\n', sys.stderr)\nsay(f'{rest}\\n')",
    "say(f'end {half}')",
)


@pytest.mark.integration
def test_a_value_in_two_parts_with_something_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)
    single(tmp_path / "project", *HALVES)
    job = make_job(tmp_path, kind=RunKind.PIPELINE, max_output=4000)
    path = tmp_path / "attempt" / "job.json"
    write_private(path, job.model_dump_json())
    outcome = execute_job(path, {**os.environ, HANDED: SECRETS.model_dump_json()}, lambda _: None)
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    log = (job.journal / "attempt.log").read_text()
    for what in ("stderr", "cell", "widget", "display", "inside"):
        assert f"{what} [secret warehouse]\n" in log
    assert f"end {VALUE[:6]}\n" in log, "what was no value in the end is there in the end"
    executed = nbformat.read(job.notebooks / "report.ipynb", as_version=4)
    nbformat.validate(executed)
    outputs = [cell.get("outputs", ()) for cell in executed.cells]
    shown = ["".join(one.get("text", "|") for one in parts) for parts in outputs if parts]
    assert shown[:5] == [
        "stderr [secret warehouse]50%\n\n",
        "cell [secret warehouse]",
        "\n",
        "|",
        "widget [secret warehouse]\n",
    ]
    assert shown[5] == "display [secret warehouse]|\n"
    assert VALUE[6:] not in json.dumps([outputs, executed.metadata])
    (whole,) = [file for file in tmp_path.rglob("*.stdout.txt") if "cell" in file.name]
    assert whole.read_text()[5000:] == "\n[secret warehouse]\n"
    assert found_below(tmp_path) == []


@pytest.mark.integration
def test_a_half_is_marked_on_disk_as_soon_as_its_cell_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("galley.run.engine.SAVE_S", 0)
    executed, seen = Executed(tmp_path, None), list[str]()
    halves = ("hunter", "2-long")
    executed.run(
        f"import sys\nprint({halves[0]!r}, end='', flush=True)\n"
        f"print('50%', file=sys.stderr, flush=True)\nprint({halves[1]!r}, flush=True)",
        "print('next', flush=True)",
        on_text=lambda text: seen.append(executed.output.read_text() if "next" in text else ""),
        redactor=Redactor({"a": "".join(halves)}),
    )
    (while_it_ran,) = filter(None, seen)
    outputs = json.loads(while_it_ran)["cells"][0]["outputs"]
    assert [output["text"] for output in outputs] == [["[secret a]"], ["50%\n"], ["\n"]]


@pytest.mark.integration
def test_lines_of_a_value_and_the_value_without_its_last_newline_are_kept_out_of_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)
    code = """import galley, mlflow
key, padded = galley.secret('key'), galley.secret('padded')
mlflow.set_tag('padded', padded.strip())
mlflow.log_params({str(n): line for n, line in enumerate(key.splitlines())})
"""
    single(tmp_path / "project", code)
    secrets = TaskSecrets(values={"key": KEY, "padded": "hunter2-long-secret-" * 5 + "\n"})
    tracking = Tracking(
        uri="http://127.0.0.1:9", token="t", experiment="e", outbox=tmp_path / "outbox"
    )
    tracking.outbox.mkdir()
    job = make_job(tmp_path, kind=RunKind.PIPELINE, tracking=tracking)
    path = tmp_path / "attempt" / "job.json"
    write_private(path, job.model_dump_json())
    outcome = execute_job(path, {**os.environ, HANDED: secrets.model_dump_json()}, lambda _: None)
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    logged = "".join(file.read_text() for file in tracking.outbox.glob("*/log.jsonl"))
    assert '"padded":"[secret padded]"' in logged
    assert logged.count('"[secret key]"') == 4
    assert [line for line in KEY.splitlines() if line in logged] == []


@pytest.mark.integration
def test_a_value_that_messages_consist_of_breaks_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)
    single(tmp_path / "project", "print('my data')\n'plain code'", "raise ValueError('name of it')")
    words = ("data", "plain", "code", "name", "text", "idle", "stream", "stat", "exec", "trace")
    secrets = TaskSecrets(values={f"s{n}": word for n, word in enumerate(words)})
    job = make_job(tmp_path)
    path = tmp_path / "attempt" / "job.json"
    write_private(path, job.model_dump_json())
    outcome = execute_job(path, {**os.environ, HANDED: secrets.model_dump_json()}, lambda _: None)
    assert outcome.error is not None
    assert outcome.error.message == "cell 3 raised ValueError: [secret s3] of it"
    executed = nbformat.read(job.notebooks / "report.ipynb", as_version=4)
    nbformat.validate(executed)
    shown = [cell.outputs for cell in executed.cells if len(cell.get("outputs", ())) == 2]
    printed, result = shown[0]
    assert printed.text == "my [secret s0]\n"
    assert result.data["text/plain"] == "'[secret s1] [secret s2]'"


@pytest.mark.integration
def test_what_was_not_named_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)
    single(tmp_path / "project", "import galley\ngalley.secret('w' + 'arehouse')")
    job = make_job(tmp_path)
    path = tmp_path / "attempt" / "job.json"
    write_private(path, job.model_dump_json())
    outcome = execute_job(path, os.environ, lambda _: None)
    assert outcome.error is not None
    assert "this run was not given a secret 'warehouse'" in outcome.error.message
    assert outcome.tasks[0].state is TaskState.FAILED


def test_secrets_that_cannot_be_given_end_the_attempt_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)
    single(tmp_path / "project", "open('ran', 'w')")
    job = make_job(tmp_path)
    path = tmp_path / "attempt" / "job.json"
    write_private(path, job.model_dump_json())
    error = CellError(ename="SecretMissing", evalue="", message="ana has no value of 'x'", cell=3)
    secrets = TaskSecrets(error=error, failure_class=FailureClass.USER)
    outcome = execute_job(path, {HANDED: secrets.model_dump_json()}, lambda _: None)
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error == error
    assert read_outcome(job.journal) == outcome
    assert not (tmp_path / "project" / "ran").exists()


def test_a_kernel_that_is_started_finds_them_in_an_open_file_without_a_name() -> None:
    with handed(SECRETS.values, {"A": "b"}) as (environment, files, (folder,)):
        (file,) = files
        assert environment["GALLEY_SECRETS"] == str(file)
        assert json.loads(os.pread(file, 1000, 0)) == SECRETS.values
        assert "/memfd:" in str(Path(f"/proc/self/fd/{file}").readlink())
        assert folder == Path(environment["IPYTHONDIR"]).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert found_below(folder) == []
        assert VALUE not in str(environment)
    assert not folder.exists()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


def test_without_secrets_the_environment_is_as_it_was() -> None:
    with handed({}, {"A": "b"}) as given:
        assert given == ({"A": "b"}, (), ())


@pytest.mark.integration
def test_a_kernel_that_is_forked_has_them_from_no_folder_that_a_sibling_could_look_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    look = (
        f"import galley, os\nfound = [one for one in os.listdir({str(temporary)!r}) "
        "if 'secret' in one]\nprint(len(galley.secret('mail')), found)"
    )
    single(tmp_path / "project", look)
    job = make_job(tmp_path, kind=RunKind.PIPELINE)
    path = tmp_path / "attempt" / "job.json"
    write_private(path, job.model_dump_json())
    outcome = execute_job(path, {**os.environ, HANDED: SECRETS.model_dump_json()}, lambda _: None)
    assert outcome.state is AttemptState.SUCCEEDED
    cell = nbformat.read(job.notebooks / "report.ipynb", as_version=4).cells[-1]
    assert cell.outputs[0].text == f"{len(OTHER)} []\n"


def test_values_are_not_in_what_is_shown_of_a_model() -> None:
    assert VALUE not in repr(SECRETS)
    assert VALUE not in repr(Redactor(SECRETS.values))
