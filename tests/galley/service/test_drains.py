from __future__ import annotations

import pytest
from galley.domain.tenants import Role
from galley.service import API, PREFIX
from galley.service.background import Background

from tests.galley.service.platform import Platform
from tests.galley.service.test_background import passes as passes

EVERYWHERE = "olga"


def put(platform: Platform, host: str, user: str = EVERYWHERE) -> tuple[int, dict[str, object]]:
    answer = platform.client.put(f"{API}/drains/{host}", headers=platform.as_user(user))
    return answer.status_code, answer.json()


def delete(platform: Platform, host: str, user: str = EVERYWHERE) -> int:
    answer = platform.client.delete(f"{API}/drains/{host}", headers=platform.as_user(user))
    return int(answer.status_code)


@pytest.fixture
def operated(platform: Platform) -> Platform:
    """The platform with one operator of all its tenants."""
    for tenant in platform.tenants.tenants.values():
        tenant.members[EVERYWHERE] = tuple({*tenant.members.get(EVERYWHERE, ()), Role.OPERATOR})
    return platform


@pytest.mark.parametrize("host", ["*", "test", "oncology@test"])
def test_a_drained_host_gets_nothing_and_finishes_what_it_has(
    operated: Platform, host: str
) -> None:
    operated.approved()
    for _ in range(2):
        operated.post("/tenants/oncology/pipelines/daily-report/runs", {})
    first = operated.lease("oncology")
    assert first is not None

    status, drain = put(operated, host)
    assert (status, drain["running"], drain["by"]) == (201, 1, EVERYWHERE)
    assert operated.lease("oncology") is None
    assert operated.report(first, "start").status_code == 200
    ended = operated.report(first, "outcome", state="succeeded", duration_s=1, cells=2)
    assert ended.status_code == 200
    assert operated.get(f"/drains/{host}").json()["running"] == 0
    assert operated.client.get(f"{PREFIX}/healthz").json()["drained"] == 1

    assert delete(operated, host) == 204
    assert operated.get("/drains").json() == []
    assert operated.lease("oncology") is not None
    tenant, user = ("oncology", "rita") if "@" in host else ("cardiology", "carl")
    trail = operated.get(f"/tenants/{tenant}/audit", user).json()["items"]
    told = [line["action"] for line in trail if line["action"].startswith("hosts.")]
    assert told == ["hosts.undrained", "hosts.drained"]


def test_the_hosts_of_rehearsals_are_their_tenants(operated: Platform) -> None:
    operated.publish()
    assert put(operated, "oncology@test")[0] == 201
    assert operated.lease("oncology", "ada") is None
    assert delete(operated, "oncology@test") == 204
    assert operated.lease("oncology", "ada") is not None
    assert put(operated, "oncology@test")[1]["running"] == 1


def test_a_drain_names_the_hosts_that_it_means(operated: Platform) -> None:
    assert put(operated, "oncology@test")[1]["hosts"] == []
    operated.lease("oncology")
    operated.lease("cardiology")
    assert operated.get("/drains/oncology@test").json()["hosts"] == ["oncology@test"]
    assert put(operated, "test")[1]["hosts"] == ["cardiology@test", "oncology@test"]
    operated.clock.pass_time(minutes=10)
    assert operated.get("/drains/test").json()["hosts"] == []


def test_another_host_goes_on(operated: Platform) -> None:
    operated.approved()
    operated.post("/tenants/oncology/pipelines/daily-report/runs", {})
    for other in ("oncology@elsewhere", "cardiology@test", "est"):
        assert put(operated, other)[0] == 201
    assert operated.lease("oncology") is not None, "it calls itself oncology@test"
    assert [one["running"] for one in operated.get("/drains", EVERYWHERE).json()] == [0, 0, 0]


def test_a_run_says_that_it_waits_for_the_end_of_a_drain(operated: Platform) -> None:
    operated.approved()
    run = operated.post("/tenants/oncology/pipelines/daily-report/runs", {}).json()
    path = f"/runs/{run['id']}"
    assert operated.get(path).json()["state_reason"] is None
    put(operated, "*")
    assert operated.get(path).json()["state_reason"].startswith("waits because all hosts are")


def test_only_the_operator_of_every_tenant_concerned_may(platform: Platform) -> None:
    status, problem = put(platform, "*")
    assert (status, problem["code"]) == (403, "forbidden")
    assert put(platform, "oncology@test", "ada")[0] == 403
    assert put(platform, "cardiology@test")[0] == 403
    assert platform.get("/drains").json() == []
    assert put(platform, "oncology@test")[0] == 201
    assert delete(platform, "oncology@test", "carl") == 403
    assert platform.get("/tenants/cardiology/audit", "carl").json()["items"] == []


def test_what_is_drained_cannot_be_drained_again_nor_what_is_not_be_undrained(
    operated: Platform,
) -> None:
    assert put(operated, "*")[0] == 201
    status, problem = put(operated, "*")
    assert (status, problem["detail"]) == (409, f"'*' is drained already, by {EVERYWHERE}.")
    assert delete(operated, "elsewhere") == 404
    status, problem = put(operated, "a b")
    assert (status, problem["field"]) == (422, "host")
    status, problem = put(operated, "nobody@test")
    assert (status, problem["field"]) == (422, "host")


def test_no_host_is_started_while_all_are_drained(operated: Platform, passes: Background) -> None:
    assert put(operated, "*")[0] == 201
    passes.launch()
    assert operated.launcher.asked == [("adopt",)]
    assert delete(operated, "*") == 204
    passes.launch()
    assert len(operated.launcher.asked) > 1


def test_what_is_of_other_tenants_only_is_nobodys_business(platform: Platform) -> None:
    """Carl is a member of cardiology, and only of that."""
    assert put(platform, "oncology@one")[0] == 201
    assert platform.get("/drains", "carl").json() == []
    assert platform.get("/drains/oncology@one", "carl").status_code == 404
    assert [one["host"] for one in platform.get("/drains", "rita").json()] == ["oncology@one"]
    status, refused = put(platform, "nowhere@one", "carl")
    assert status == 422
    assert "oncology" not in str(refused)
