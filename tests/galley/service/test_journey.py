"""The whole thread through the service, the tests playing reviewers and host."""

from __future__ import annotations

from galley.service import API

from tests.galley.service.platform import Platform


def test_a_notebook_is_published_rehearsed_approved_run_and_seen(platform: Platform) -> None:
    version = platform.publish()
    assert version["state"] == "rehearsing"
    platform.run_through("oncology", "ada")
    assert platform.get(f"/versions/{version['id']}").json()["state"] == "in_review"
    waiting = platform.get("/reviews", "lea").json()["items"]
    assert [one["id"] for one in waiting] == [version["id"]]
    for user, gate in (("lea", "lead"), ("max", "mle")):
        answer = platform.post(
            f"/versions/{version['id']}/decisions",
            {"gate": gate, "verdict": "approve", "digest": version["digest"]},
            user,
        )
        assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "approved"
    assert answer.json()["live"]

    started = platform.post(
        "/tenants/oncology/pipelines/daily-report/runs", {"parameters": {"alpha": 3}}
    )
    assert started.status_code == 201, started.text
    platform.run_through("oncology", metrics={"accuracy": 0.9})
    run = platform.get(f"/runs/{started.json()['id']}").json()
    assert run["state"] == "succeeded"
    assert run["parameters"]["alpha"] == 3
    assert run["metrics"] == {"accuracy": 0.9}

    log = platform.get(f"/runs/{run['id']}/log").json()
    assert log == {
        "text": "hello\nbye\n",
        "offset": 0,
        "next_offset": 10,
        "size": 10,
        "ended": True,
    }
    page = platform.get(f"/runs/{run['id']}/tasks/daily_report/notebook")
    assert page.headers["content-security-policy"].startswith("sandbox;")
    assert "<b id='out'>result</b>" in page.text.replace('"', "'")
    assert "<script" not in page.text
    raw = platform.get(f"/runs/{run['id']}/tasks/daily_report/notebook", format="ipynb")
    assert raw.json()["cells"][2]["outputs"][0]["text"] == "two\n"


def test_the_other_tenant_sees_nothing_of_it(platform: Platform) -> None:
    version = platform.approved()
    for path in (
        f"/versions/{version['id']}",
        f"/versions/{version['id']}/diff",
        f"/versions/{version['id']}/export",
        f"/runs/{version['rehearsal_run']}",
        f"/runs/{version['rehearsal_run']}/log",
        "/tenants/oncology/pipelines",
        "/tenants/oncology/runs",
        "/tenants/oncology/audit",
    ):
        answer = platform.get(path, "carl")
        assert answer.status_code == 404, path
        assert "oncology" not in answer.text.replace("'oncology'", "") or "/oncology" in path
    assert platform.get("/reviews", "carl").json()["items"] == []


def test_the_author_cannot_approve_and_a_servers_token_never_can(platform: Platform) -> None:
    version = platform.publish()
    platform.run_through("oncology", "ada")
    body = {"gate": "lead", "verdict": "approve", "digest": version["digest"]}
    path = f"{API}/versions/{version['id']}/decisions"
    assert platform.post(f"/versions/{version['id']}/decisions", body, "ada").status_code == 403
    stolen = platform.as_user("lea", server_of="oncology")
    answer = platform.client.post(path, headers=stolen, json=body)
    assert answer.status_code == 403
    assert "any notebook can read it" in answer.json()["detail"]
    as_cookie = {"Cookie": f"service-galley={stolen['Authorization'].removeprefix('Bearer ')}"}
    assert platform.client.post(path, headers=as_cookie, json=body).status_code == 403
    assert (
        platform.client.post(path, headers=platform.in_browser("lea"), json=body).status_code == 200
    )


def test_what_is_leased_says_where_its_project_is(platform: Platform) -> None:
    platform.publish()
    assignment = platform.lease("oncology", "ada")
    assert assignment is not None
    headers = {"Authorization": f"Bearer {assignment.run_token}"}
    project = platform.client.get(assignment.project_url, headers=headers)
    assert project.status_code == 200
    assert project.headers["content-type"] == "application/gzip"
