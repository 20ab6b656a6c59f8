from __future__ import annotations

import copy
from typing import Any

from galley.service import API

from tests.galley.service.platform import Platform, executed_notebook

PIPELINE = "/tenants/oncology/pipelines/daily-report"
TASK = "daily_report"


def shown(text: str, duration: float, printed: str = "same\n") -> dict[str, Any]:
    """Return an executed notebook whose cells know which published cell they are."""
    notebook = copy.deepcopy(executed_notebook())
    for index, cell in enumerate(notebook["cells"]):
        cell["metadata"] |= {"galley": {"cell": index}, "papermill": {"duration": duration}}
    notebook["cells"][1]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": printed},
        {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "the figure"}},
    ]
    notebook["cells"][2]["outputs"][1]["data"] = {"text/html": f"<b>{text}</b><script>1</script>"}
    return notebook


def ran(
    platform: Platform,
    alpha: int,
    auc: float,
    text: str,
    *,
    state: str = "succeeded",
    printed: str = "same\n",
) -> str:
    run: str = platform.post(f"{PIPELINE}/runs", {"parameters": {"alpha": alpha}}).json()["id"]
    work = platform.lease("oncology")
    assert work is not None
    platform.report(work, "start")
    platform.clock.pass_time(seconds=alpha)
    times = {
        "started_at": platform.clock().isoformat(),
        "ended_at": platform.clock().replace(microsecond=0).isoformat(),
    }
    task = {"name": TASK, "state": state, **times}
    platform.report(work, "heartbeat", tasks=[task])
    assert platform.upload(work, TASK, shown(text, alpha / 2, printed)).status_code == 204
    ended = {"state": state, "tasks": [task], "duration_s": alpha, "metrics": {"auc": auc}}
    assert platform.report(work, "outcome", **ended).status_code == 200
    return run


def test_two_runs_side_by_side(platform: Platform) -> None:
    platform.approved()
    left, right = ran(platform, 2, 0.9, "one"), ran(platform, 4, 0.8, "two")
    found = platform.get("/runs/compare", left=left, right=right).json()
    assert (found["left"]["id"], found["right"]["id"]) == (left, right)
    assert found["same_version"] is True
    assert found["parameters"] == [{"name": "alpha", "left": "2", "right": "4"}]
    assert found["metrics"] == [{"name": "auc", "left": 0.9, "right": 0.8}]
    assert [(one["cell"], one["left"], one["right"]) for one in found["cells"]] == [
        (1, 1, 2),
        (2, 1, 2),
    ]
    assert [(one["cell"], one["same"]) for one in found["outputs"]] == [(1, True), (2, False)]
    assert found["packages"] == found["notes"] == []
    default = platform.get("/runs/compare", right=right).json()
    assert default["left"]["id"] == left, "by default the successful run before it"


def test_what_a_cell_showed_before_its_last_output_counts(platform: Platform) -> None:
    platform.approved()
    left = ran(platform, 2, 0.9, "one")
    right = ran(platform, 2, 0.9, "one", printed="another table\n")
    found = platform.get("/runs/compare", left=left, right=right).json()
    assert [(one["cell"], one["same"]) for one in found["outputs"]] == [(1, False), (2, True)]
    query, path = {"left": left, "right": right}, f"{API}/runs/compare/outputs"
    page = platform.client.get(path, headers=platform.as_user("ada"), params=query).text
    assert page.count("another table") == 1
    assert page.count("<pre>the figure</pre>") == 2
    assert page.index("another table") < page.rindex("the figure")


def test_how_an_output_was_stored_makes_no_difference() -> None:
    from galley.service.run_comparing import show_the_same

    def stream(text: object, name: str = "stdout") -> dict[str, Any]:
        return {"output_type": "stream", "name": name, "text": text}

    def result(count: int, data: str = "7") -> dict[str, Any]:
        shown = {"text/plain": data}
        return {"output_type": "execute_result", "execution_count": count, "data": shown}

    assert show_the_same([stream(["a\n", "b"]), result(1)], [stream("a\n"), stream("b"), result(9)])
    assert not show_the_same([stream("a")], [stream("a", "stderr")])
    assert not show_the_same([result(1)], [result(1, "8")])
    assert not show_the_same([result(1), result(2)], [result(1)])


def test_a_run_without_one_before_it_says_so(platform: Platform) -> None:
    platform.approved()
    first = ran(platform, 2, 0.9, "one", state="failed")
    second = ran(platform, 3, 0.9, "two")
    answer = platform.get("/runs/compare", right=second)
    assert (answer.status_code, answer.json()["field"]) == (404, "left")
    assert platform.get("/runs/compare", left=first, right=second).status_code == 200
    assert platform.get("/runs/compare", "carl", left=first, right=second).status_code == 404
    assert platform.get("/runs/compare").status_code == 422


def test_outputs_are_beside_each_other_and_inert(platform: Platform) -> None:
    platform.approved()
    left, right = ran(platform, 2, 0.9, "one"), ran(platform, 4, 0.8, "two")
    path = f"{API}/runs/compare/outputs"
    query = {"left": left, "right": right}
    answer = platform.client.get(path, headers=platform.as_user("ada"), params=query)
    assert answer.headers["Content-Type"].startswith("text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "allow-" not in policy
    page = answer.text
    assert page.count("<b>one</b>") == page.count("<b>two</b>") == 1
    assert page.count("<pre>same\n</pre>") == 2
    assert "daily_report · equal" in page
    assert "daily_report · different" in page


def test_what_differs_between_versions_is_their_packages(platform: Platform) -> None:
    from galley.service.run_comparing import _packages

    found = _packages({"pandas": "2.2", "numpy": "2"}, {"pandas": "3.1", "numpy": "2", "x": "1"})
    assert [(one.name, one.left, one.right) for one in found] == [
        ("pandas", "2.2", "3.1"),
        ("x", None, "1"),
    ]


def test_a_trial_needs_the_right_to_publish_and_has_its_askers_rights(platform: Platform) -> None:
    version = platform.publish()
    error = {"ename": "E", "evalue": "", "message": "cell 2 failed"}
    platform.run_through("oncology", "ada", state="failed", failure_class="user", error=error)
    path = "/tenants/oncology/pipelines/daily-report/trials"
    body = {"version": version["number"], "parameters": {"alpha": 5}}
    assert platform.post(path, body, "lea").status_code == 403
    assert platform.post(path, {"parameters": {"beta": 5}}).status_code == 422
    trial = platform.post(path, body).json()
    assert (trial["kind"], trial["requested_by"], trial["parameters"]) == (
        "trial",
        "ada",
        {"alpha": 5},
    )
    assert platform.lease("oncology") is None
    platform.run_through("oncology", "ada", metrics={"auc": 1.0})
    assert platform.get(f"/runs/{trial['id']}").json()["state"] == "succeeded"
    assert platform.get(f"/versions/{version['id']}").json()["state"] == "failed"
    listed = platform.get("/tenants/oncology/runs", kind="trial").json()["items"]
    assert [one["id"] for one in listed] == [trial["id"]]
    waiting = platform.post(path, body).json()["id"]
    assert platform.post(f"/runs/{waiting}/cancel", {}, "lea").status_code == 403
    assert platform.post(f"/runs/{waiting}/cancel", {}).json()["state"] == "cancelled"
