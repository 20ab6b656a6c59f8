"""What a rehearsal reports is a claim: the version's content is made of what was published."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
import yaml
from galley.domain.proof import Proof, ProofState
from galley.domain.split import Fragment, Load, PlannedTask, Save, SplitPlan, SplitSource
from galley.domain.work import RehearsalReport
from galley.locking import lock_text, platform_lock
from galley.project import archive
from galley.store import versions
from packaging.requirements import Requirement

from tests.galley.service.platform import Platform, notebook

MADE: dict[str, Any] = notebook("import math\n\nroot = math.sqrt(alpha)")
MADE["cells"].append({**MADE["cells"][2], "id": "d", "source": "print(root)"})
PLAN = SplitPlan(
    source=SplitSource.AUTHOR,
    tasks=(
        PlannedTask(
            name="root", cells=(0, 2), parameters=("alpha",), saves=(Save(names=("root",)),)
        ),
        PlannedTask(
            name="show",
            cells=(3,),
            upstream=("root",),
            loads=(Load(task="root", names=("root",)),),
        ),
    ),
)


def rehearsed(platform: Platform, plan: SplitPlan, **outcome: Any) -> dict[str, Any]:
    """Publish, and let the rehearsal report ``plan`` as proved; return the version."""
    version = platform.publish(notebook=MADE)
    report = RehearsalReport(proof=Proof(state=ProofState.EQUAL, plan=plan))
    platform.run_through("oncology", "ada", rehearsal=report.model_dump(mode="json"), **outcome)
    seen = dict(platform.get(f"/versions/{version['id']}").json())
    assert seen["id"] == version["id"]
    return {**seen, "published": version["digest"]}


def project(platform: Platform, version: dict[str, Any]) -> dict[str, bytes]:
    keys = platform.store.read(lambda s: versions.blobs(s, UUID(version["id"])))
    return archive.read(platform.context.blobs.get(keys.project))


def test_a_proved_split_is_built_here_and_has_a_digest_of_its_own(platform: Platform) -> None:
    version = rehearsed(platform, PLAN)
    assert version["state"] == "in_review"
    assert version["digest"] != version["published"]
    assert [task["name"] for task in version["tasks"]] == ["root", "show"]
    files = project(platform, version)
    assert {"tasks/root.ipynb", "tasks/show.ipynb", "handover.py"} <= set(files)
    assert yaml.safe_load(files["galley.yaml"])["digest"] == version["digest"]
    said = platform.post(
        f"/versions/{version['id']}/decisions",
        {"gate": "lead", "verdict": "approve", "digest": version["published"]},
        "lea",
    )
    assert said.status_code == 409


def test_a_rehearsal_waits_for_a_tenant_that_is_out_of_the_file(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = platform.publish(notebook=MADE)
    work = platform.lease("oncology", "ada")
    assert work is not None
    assert platform.report(work, "start").status_code == 200
    proof = RehearsalReport(proof=Proof(state=ProofState.EQUAL, plan=PLAN))
    found = {"state": "succeeded", "duration_s": 1, "rehearsal": proof.model_dump(mode="json")}
    with monkeypatch.context() as without:
        without.delitem(platform.tenants.tenants, "oncology")
        assert platform.report(work, "outcome", **found).status_code == 503
    assert platform.report(work, "outcome", **found).status_code == 200
    assert platform.get(f"/versions/{version['id']}").json()["state"] == "in_review"


def test_a_split_that_reviewers_did_not_see_leaves_one_task(platform: Platform) -> None:
    root = PLAN.tasks[0]
    hidden = Fragment(cell=2, line=1, source="import os; os.remove('x')", names=("os",))
    forged = root.model_copy(update={"fragments": (hidden,)})
    version = rehearsed(platform, PLAN.model_copy(update={"tasks": (forged, PLAN.tasks[1])}))
    assert version["state"] == "in_review"
    proof = version["evidence"]["proof"]
    assert (proof["state"], proof["plan"]) == ("unequal", None)
    assert "repeats cell 3, line 1, with another text" in proof["reason"]
    assert version["digest"] == version["published"]
    assert b"os.remove" not in b"".join(project(platform, version).values())


def test_a_split_that_was_not_proved_leaves_one_task(platform: Platform) -> None:
    version = platform.publish(notebook=MADE)
    report = RehearsalReport(proof=Proof(state=ProofState.SKIPPED, plan=PLAN))
    platform.run_through("oncology", "ada", rehearsal=report.model_dump(mode="json"))
    seen = platform.get(f"/versions/{version['id']}").json()
    assert seen["evidence"]["proof"]["plan"] is None
    assert seen["digest"] == version["digest"]


def test_the_lock_is_part_of_the_version(platform: Platform) -> None:
    locked = platform_lock([Requirement("ipykernel")])
    assert locked is not None
    version = rehearsed(platform, PLAN, lock=lock_text(locked))
    assert version["evidence"]["lock"]["of_platform"] is True
    assert project(platform, version)["requirements.lock"].decode() == lock_text(locked)


def test_a_lock_of_something_else_fails_the_rehearsal(platform: Platform) -> None:
    version = rehearsed(platform, PLAN, lock="# nothing\n")
    assert version["state"] == "failed"
    assert version["evidence"]["error"]["message"] == "the rehearsal reported no lock"
    assert version["digest"] == version["published"]


def test_a_reviewer_sees_the_same_notebook_split_or_not(platform: Platform) -> None:
    version = rehearsed(platform, PLAN)
    shown = platform.get(f"/versions/{version['id']}/notebook", "lea", format="ipynb").json()
    assert [cell["source"] for cell in shown["cells"]] == [
        cell["source"] for cell in json.loads(json.dumps(MADE))["cells"]
    ]
