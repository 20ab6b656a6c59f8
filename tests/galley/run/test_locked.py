"""Kernels in environments of their own, next to each other and to the platform's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from galley.domain.packages import Packages
from galley.domain.runs import AttemptState, FailureClass, RunKind
from galley.domain.work import Outcome, TaskSecrets
from galley.locking import Environments, Uv, lock_digest, lock_text, read_lock, resolve
from galley.locking.platform import platform_lock
from galley.run.environment import has_dask, kernel_environment
from galley.run.job import Job
from galley.run.journal import Journal
from galley.run.locked import PACKAGES, Locked
from galley.run.runner import Runner
from packaging.requirements import Requirement

from tests.galley.locking.wheels import write_kernel, write_wheel
from tests.galley.run.jobs import make_job
from tests.galley.run.projects import single

pytestmark = pytest.mark.integration

SHOW = "import greeting, sys\nprint('greeting', greeting.__version__, 'in', sys.prefix)"


@pytest.fixture(autouse=True)
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    write_kernel(folder)
    write_wheel(folder, "greeting", "1.0")
    write_wheel(folder, "greeting", "2.0")
    return folder


def offline(tmp_path: Path) -> Packages:
    return Packages(offline=True, find_links=(str(tmp_path / "wheels"),))


def attempt(tmp_path: Path, name: str, requirements: str, *cells: str, **changes: Any) -> Job:
    folder = tmp_path / name
    (folder / "project").mkdir(parents=True)
    single(folder / "project", *cells)
    (folder / "project" / "requirements.lock").write_text(requirements)
    return make_job(folder, environments=tmp_path / "environments", **changes)


def run(job: Job, packages: Packages, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    monkeypatch.chdir(job.project)
    environment = {**os.environ, PACKAGES: packages.model_dump_json()}
    return Runner(job, Journal(job.journal), environment).run()


def log_of(job: Job) -> str:
    return (job.journal / "attempt.log").read_text()


def test_two_versions_of_a_distribution_run_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = offline(tmp_path)
    locks = {}
    for number in ("1.0", "2.0"):
        job = attempt(tmp_path, f"v{number}", f"greeting=={number}\n", SHOW)
        outcome = run(job, packages, monkeypatch)
        assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
        lock = read_lock(outcome.lock or "")
        assert lock is not None
        assert lock.version_of("greeting") == number
        locks[number] = lock
        prefix = tmp_path / "environments" / "made" / lock_digest(lock)
        assert f"greeting {number} in {prefix}" in log_of(job)
    assert len({lock_digest(lock) for lock in locks.values()}) == 2


def test_a_run_uses_the_environment_that_its_version_was_rehearsed_in(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = offline(tmp_path)
    rehearsed = run(attempt(tmp_path, "one", "greeting<2\n", SHOW), packages, monkeypatch)
    write_wheel(wheels, "greeting", "1.9")  # It would be chosen now; the lock is older than it.
    job = attempt(tmp_path, "two", rehearsed.lock or "", SHOW, kind=RunKind.PIPELINE)
    outcome = run(job, packages, monkeypatch)
    assert outcome.state is AttemptState.SUCCEEDED
    assert outcome.lock is None
    assert "greeting 1.0 in" in log_of(job)
    assert "it was there" in log_of(job)


def test_what_the_platform_has_runs_in_the_platforms_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = Packages(index="http://127.0.0.1:9/simple")
    wanted = f"click=={version('click')}\n"
    job = attempt(tmp_path, "one", wanted, "import sys; print('runs in', sys.prefix)")
    outcome = run(job, nowhere, monkeypatch)
    assert outcome.state is AttemptState.SUCCEEDED
    assert f"runs in {sys.prefix}" in log_of(job)
    lock = read_lock(outcome.lock or "")
    assert lock is not None
    assert lock.of_platform
    assert not (tmp_path / "environments" / "made").exists()


def test_a_lock_that_the_platform_does_not_meet_any_more_gets_its_own_environment(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(wheels, "click", "1.0")
    lock = platform_lock([])
    assert lock is not None
    names = {"ipykernel", "cloudpickle"}
    kept = [one for one in lock.packages if one.name in names]
    older = lock.packages[0].model_copy(update={"name": "click", "version": "1.0"})
    changed = lock.model_copy(update={"packages": (*kept, older)})
    show = "import click; print('click', click.__version__)"
    job = attempt(tmp_path, "one", lock_text(changed), show)
    assert run(job, offline(tmp_path), monkeypatch).state is AttemptState.SUCCEEDED
    assert "click 1.0" in log_of(job)
    assert "has changed since this version was locked" in log_of(job)


def test_what_cannot_be_had_ends_the_rehearsal_before_any_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = attempt(tmp_path, "one", "greeting==99\n", "open('ran', 'w')")
    outcome = run(job, offline(tmp_path), monkeypatch)
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error is not None
    assert outcome.error.evalue == "greeting==99"
    assert "`greeting==99` cannot be had" in outcome.error.message
    assert outcome.lock is None
    assert not (job.project / "ran").exists()


def test_an_index_that_is_away_is_a_failure_of_the_platforms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    job = attempt(tmp_path, "one", "greeting==99\n")
    outcome = run(job, Packages(index="http://127.0.0.1:9/simple"), monkeypatch)
    assert outcome.failure_class is FailureClass.INFRASTRUCTURE


def test_what_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("galley.run.job.ENVIRONMENT_S", 0.0)
    job = attempt(tmp_path, "one", "greeting==1.0\n")
    outcome = run(job, Packages(index="http://127.0.0.1:9/simple"), monkeypatch)
    assert outcome.state is AttemptState.TIMED_OUT
    assert outcome.error is not None
    assert "environment" in outcome.error.message


def test_an_attempt_that_is_cancelled_meanwhile_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = attempt(tmp_path, "one", "greeting==1.0\n")
    monkeypatch.chdir(job.project)
    away = Packages(index="http://127.0.0.1:9/simple")
    runner = Runner(job, Journal(job.journal), {**os.environ, PACKAGES: away.model_dump_json()})
    runner.cancel()
    outcome = runner.run()
    assert (outcome.state, outcome.error) == (AttemptState.CANCELLED, None)


def test_environments_without_a_place_lie_in_the_cache_of_whoever_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    job = attempt(tmp_path, "one", "greeting==1.0\n", SHOW)
    outcome = run(job.model_copy(update={"environments": None}), offline(tmp_path), monkeypatch)
    assert outcome.state is AttemptState.SUCCEEDED
    assert f"in {tmp_path}/cache/galley/made/" in log_of(job)


def test_a_kernel_does_not_learn_where_packages_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = Packages(
        offline=True, index="https://bob:s3cret@index.example/simple", **_links(tmp_path)
    )
    show = "import os; print('secret known:', 's3cret' in str(dict(os.environ)))"
    job = attempt(tmp_path, "one", "greeting==1.0\n", show)
    assert run(job, packages, monkeypatch).state is AttemptState.SUCCEEDED
    assert "secret known: False" in log_of(job)
    assert "s3cret" not in log_of(job)


def _links(tmp_path: Path) -> dict[str, Any]:
    return {"find_links": (str(tmp_path / "wheels"),)}


def test_programs_come_from_the_environment_and_not_from_the_platform(tmp_path: Path) -> None:
    uv = Uv(tmp_path / "cache", offline(tmp_path), os.environ)
    lock = resolve([Requirement("greeting==1.0")], uv)
    own = Locked(lock, Environments(tmp_path / "environments", uv).get(lock))
    (tmp_path / "project").mkdir()
    job = make_job(tmp_path)
    platform = str(Path(sys.executable).parent)
    path = f"{platform}:/usr/bin:/bin"
    ours = kernel_environment(job, {"PATH": path}, own, 1)
    assert own.python is not None
    assert ours["PATH"] == f"{own.python.parent}:/usr/bin:/bin"
    assert "MPLBACKEND" not in ours
    assert not has_dask(own), "its lock has none"
    theirs = kernel_environment(job, {"PATH": path}, Locked(lock), 1)
    assert theirs["PATH"].startswith(f"{platform}:")
    assert has_dask(Locked(lock)), "the platform's has"


INDEX = Packages(index=os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL"))


def _index_answers(tmp_path: Path) -> bool:
    """Whether this machine's index has the small distribution of the next test."""
    uv = Uv(tmp_path / "probe", INDEX, {**os.environ, "UV_HTTP_RETRIES": "0"})
    arguments = ["pip", "compile", "--quiet", "--no-deps", "--only-binary", ":all:", "-"]
    try:
        return uv.run(arguments, "tabulate==0.9.0\n").returncode == 0
    except subprocess.SubprocessError:
        return False


def test_real_distributions_of_two_versions_run_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not _index_answers(tmp_path):
        pytest.skip("no package index answers here: uv cannot find tabulate==0.9.0")
    show = (
        "import sys\nfrom importlib.metadata import distributions, version\n"
        "names = {one.name.lower() for one in distributions()}\n"
        "print('tabulate', version('tabulate'), 'alone', 'ploomber' not in names)"
    )
    for number in ("0.8.10", "0.9.0"):
        job = attempt(tmp_path, f"v{number}", f"tabulate=={number}\n", show)
        outcome = run(job, INDEX, monkeypatch)
        assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
        assert f"tabulate {number} alone True" in log_of(job)
    executed = json.loads((job.notebooks / "report.ipynb").read_text())
    assert executed["nbformat"] == 4


def test_secrets_where_galley_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import galley, greeting\nfrom galley import secret\n"
        "print(hasattr(galley, '__version__'), secret('warehouse') == galley.secret('warehouse'))\n"
        "print('it is', galley.secret(name='warehouse'))\ngalley.secret('other')"
    )
    secrets = TaskSecrets(values={"warehouse": "tr0ub4dor"})
    job = attempt(tmp_path, "one", "greeting==1.0\n", code, secrets=secrets)
    outcome = run(job, offline(tmp_path), monkeypatch)
    assert outcome.error is not None
    assert outcome.error.ename == "SecretNotGiven"
    assert "not given a secret 'other' (it has: warehouse)" in outcome.error.evalue
    assert "False True" in log_of(job)
    assert "it is [secret warehouse]" in log_of(job)
