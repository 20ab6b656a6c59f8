"""A live session is held against what a version's rehearsal left."""

from __future__ import annotations

from typing import Any

from galley.service import API, bodies

from tests.galley.service.platform import Platform, executed_notebook, notebook


def fact(digest: str) -> dict[str, Any]:
    return {"type": "builtins.int", "digest": digest, "form": "int"}


def state(document: dict[str, Any] | None = None, **names: str) -> dict[str, Any]:
    return {
        "snapshot": {"names": {name: fact(digest) for name, digest in names.items()}},
        "cells": [
            {"index": 1, "execution_count": 1},
            {"index": 2, "execution_count": 2, "edited": False},
        ],
        "notebook": document or executed_notebook(),
    }


def rehearsed(platform: Platform, **names: str) -> str:
    version = platform.publish()
    snapshot = {"cell": 2, "names": {name: fact(digest) for name, digest in names.items()}}
    platform.run_through("oncology", "ada", rehearsal={"proof": None, "snapshot": snapshot})
    return str(version["id"])


def test_a_name_that_differs_is_told_with_its_cell(platform: Platform) -> None:
    version = rehearsed(platform, alpha="1", x="2")
    answer = platform.post(f"/versions/{version}/live", state(alpha="1", x="3"))
    assert answer.status_code == 200, answer.text
    (check,) = answer.json()["checks"]
    assert (check["code"], check["cell"]) == ("live-differs", 2)
    assert "`x`" in check["message"]
    assert answer.json()["reason"] is None
    same = platform.post(f"/versions/{version}/live", state(alpha="1", x="2")).json()
    assert same == {"checks": [], "reason": None}


def test_an_output_that_differs_is_told_with_its_cell(platform: Platform) -> None:
    version = rehearsed(platform, alpha="1")
    mine = executed_notebook()
    mine["cells"][2]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "three\n"}]
    (check,) = platform.post(f"/versions/{version}/live", state(mine, alpha="1")).json()["checks"]
    assert (check["code"], check["cell"]) == ("live-output", 2)


def test_a_rehearsal_without_variables_says_so_and_compares_outputs(platform: Platform) -> None:
    version = platform.publish()
    platform.run_through("oncology", "ada")
    answer = platform.post(f"/versions/{version['id']}/live", state(notebook(), x="1")).json()
    assert "kept no variables, so only outputs were compared" in answer["reason"]
    assert [check["code"] for check in answer["checks"]] == ["live-output"]


def test_a_version_that_was_not_rehearsed_yet_says_so(platform: Platform) -> None:
    version = platform.publish()
    answer = platform.post(f"/versions/{version['id']}/live", state(x="1")).json()
    assert "has not been rehearsed yet" in answer["reason"]
    assert answer["checks"] == []


def test_only_who_may_publish_sends_a_session(platform: Platform) -> None:
    version = rehearsed(platform)
    path = f"/versions/{version}/live"
    assert platform.post(path, state(), "rita").status_code == 403
    assert platform.post(path, state(), "carl").status_code == 404


def test_a_session_is_as_large_as_a_notebook_may_be(platform: Platform) -> None:
    version = rehearsed(platform)
    limit = platform.tenants.tenants["oncology"].limits.notebook
    large = notebook("x = '" + "y" * limit + "'")
    answer = platform.post(f"/versions/{version}/live", state(large))
    assert answer.status_code == 413
    assert "limits.notebook" in answer.json()["detail"]
    allowed = bodies.allowed(f"{API}/versions/{version}/live", platform.tenants)
    assert allowed is not None
    assert allowed[0] > limit


def test_hostile_source_dies_in_a_process_of_its_own(platform: Platform) -> None:
    version = rehearsed(platform)
    answer = platform.post(f"/versions/{version}/live", state(notebook("x = " + "-" * 500_000)))
    assert answer.status_code == 422
    assert "nested too deeply" in answer.json()["detail"]


def test_something_that_is_no_session_is_refused_by_field(platform: Platform) -> None:
    version = rehearsed(platform)
    broken = {**state(), "cells": [{"index": -1}]}
    answer = platform.post(f"/versions/{version}/live", broken)
    assert (answer.status_code, answer.json()["field"]) == (422, "cells.0.index")
