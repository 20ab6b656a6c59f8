"""What tags of a task's cells take of its profile."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from galley.domain.runs import AttemptState, FailureClass
from galley.domain.tenants import Profile
from galley.run.dag import load_dag
from galley.run.journal import Journal
from galley.run.locked import Locked
from galley.run.needs import AsksTooMuch, Share, share
from galley.run.runner import Runner

from tests.galley.run.jobs import make_job
from tests.galley.run.projects import single

SMALL = Profile(display_name="Small", cpu=2, memory=2**31, gpus=1)


def taken(*tags: str) -> Share:
    cells = [nbformat.v4.new_code_cell("1", metadata={"tags": [tag]}) for tag in tags]
    return share("fit", cells, SMALL, "cpu-small")


def test_without_tags_a_task_takes_its_profile() -> None:
    assert taken("parameters", "timeout:5") == Share(cpu=2, memory=2**31, gpus=1)


def test_tags_take_less_and_the_largest_of_several_holds() -> None:
    assert taken("cpu:0.5", "memory:512MiB", "memory:1 GiB", "gpus:0") == Share(
        cpu=0.5, memory=2**30, gpus=0, tag="memory:1 GiB"
    )


@pytest.mark.parametrize("tags", [None, [4, None, "cpu:1"], [["cpu:2"], "cpu:1"]])
def test_what_is_no_text_is_no_tag(tags: object) -> None:
    cell = nbformat.from_dict({"metadata": {"tags": tags}})  # as read: nothing has checked it
    assert share("fit", [cell], SMALL, "cpu-small").cpu == (1 if tags else 2)


@pytest.mark.parametrize("tag", ["cpu:4", "memory:3GiB", "gpus:2"])
def test_more_than_the_profile_has_is_refused(tag: str) -> None:
    with pytest.raises(AsksTooMuch, match=f"'fit' asks for '{tag}'.*'cpu-small' has"):
        taken(tag)


@pytest.mark.parametrize(
    "tag", ["cpu:0", "cpu:-1", "cpu:nan", "cpu:many", "memory:12", "gpus:1.5", "gpus:-1"]
)
def test_what_is_no_number_is_refused(tag: str) -> None:
    with pytest.raises(AsksTooMuch, match="write for example"):
        taken(tag)


def test_a_task_of_fewer_cores_is_given_fewer_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    single(tmp_path / "project", ("1", ["cpu:2.5"]))
    monkeypatch.chdir(tmp_path / "project")
    profile = Profile(display_name="Large", cpu=8, memory=2**31)
    job = make_job(tmp_path, profile=profile)
    (task,) = load_dag(job.project, {}).values()
    spec = Runner(job, Journal(job.journal), os.environ, Locked()).spec(task)
    assert (spec.cpu, spec.environment["OMP_NUM_THREADS"]) == (2.5, "2")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("tag", "says"),
    [
        ("memory:256MiB", "of 256 MiB; its own tag 'memory:256MiB' sets this limit"),
        ("memory:64GiB", "asks for 'memory:64GiB', more than its profile 'cpu-small' has"),
    ],
)
def test_a_limit_of_its_own_is_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: str, says: str
) -> None:
    single(tmp_path / "project", ("x = bytearray(900 * 2**20)\nx[::4096] = x[::4096]", [tag]))
    monkeypatch.chdir(tmp_path / "project")
    job = make_job(tmp_path, memory=2**31)
    outcome = Runner(job, Journal(job.journal), os.environ).run()
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error is not None
    assert says in outcome.error.message
