"""Secrets over HTTP: who sets them, who gets them, and that nobody reads them back."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from galley import dispatch
from galley.domain.runs import FailureClass
from galley.domain.tenants import Action
from galley.service import API
from galley.store import secrets
from galley.store.tokens import HostIdentity
from httpx import Response

from tests.galley.service.platform import Platform, notebook

VALUE, OWN = "tr0ub4dor & 3", "ada's own value"
CODE = 'import galley\nx = galley.secret("warehouse")'
TENANTS_OWN = "/tenants/oncology/secrets/warehouse"
PERSONAL = "/tenants/oncology/personal-secrets/warehouse"


def call(
    platform: Platform, method: str, path: str, headers: dict[str, str], body: Any = None
) -> Response:
    answer: Response = platform.client.request(method, API + path, headers=headers, json=body)
    return answer


def put(
    platform: Platform, path: str = TENANTS_OWN, user: str = "olga", value: str = VALUE, **body: str
) -> Response:
    return call(platform, "PUT", path, platform.as_user(user), {"value": value, **body})


def declaring(declared: Any) -> dict[str, Any]:
    made = copy.deepcopy(notebook())
    made["metadata"]["galley"] = {"secrets": declared}
    return made


def test_a_secret_is_set_listed_replaced_and_deleted_without_its_value(platform: Platform) -> None:
    made = put(platform, description="The warehouse's reader")
    assert made.status_code == 200, made.text
    assert put(platform, value="another value").json()["description"] == "The warehouse's reader"
    listed = platform.get("/tenants/oncology/secrets", user="rita")
    (one,) = listed.json()["items"]
    assert (one["name"], one["personal"], one["set_by"]) == ("warehouse", False, "olga")
    assert one["last_used_at"] is None
    assert set(one) == {
        *("name", "personal", "description", "set_by", "set_at", "last_used_at", "last_used_by")
    }
    for answer in (made, listed):
        assert VALUE not in answer.text
    assert call(platform, "DELETE", TENANTS_OWN, platform.as_user("olga")).status_code == 204
    assert platform.get("/tenants/oncology/secrets").json()["items"] == []
    again = call(platform, "DELETE", TENANTS_OWN, platform.as_user("olga"))
    assert again.status_code == 404
    assert "there is no secret 'warehouse'" in again.json()["detail"]
    audit = platform.get("/tenants/oncology/audit").json()["items"]
    assert [line["action"] for line in audit] == [
        "secret.deleted",
        "secret.replaced",
        "secret.set",
    ]
    assert VALUE not in json.dumps(audit)


def test_a_server_token_never_touches_the_tenants(platform: Platform) -> None:
    put(platform)
    server = platform.as_user("olga", server_of="oncology")
    for method, body in (("PUT", {"value": VALUE}), ("DELETE", None)):
        refused = call(platform, method, TENANTS_OWN, server, body)
        assert refused.status_code == 403
        assert "server's token may not set or delete secrets" in refused.json()["detail"]
    assert call(platform, "GET", f"{TENANTS_OWN}/value", server).status_code in {404, 405}
    assert put(platform, user="ada").status_code == 403
    without = platform.as_user("olga", actions={Action.READ, Action.OPERATE})
    assert call(platform, "PUT", TENANTS_OWN, without, {"value": VALUE}).status_code == 403


def test_a_browser_needs_its_xsrf_token(platform: Platform) -> None:
    headers = platform.in_browser("olga")
    assert call(platform, "PUT", TENANTS_OWN, headers, {"value": VALUE}).status_code == 200
    without = {name: value for name, value in headers.items() if name != "X-XSRFToken"}
    assert call(platform, "DELETE", TENANTS_OWN, without).status_code == 403


def test_a_personal_value_goes_to_its_owners_server_of_that_tenant_only(platform: Platform) -> None:
    assert put(platform, PERSONAL, "ada", OWN).status_code == 200
    path = f"{PERSONAL}/value"
    given = call(platform, "GET", path, platform.as_user("ada", server_of="oncology"))
    assert given.json() == {"value": OWN}
    assert given.headers["Cache-Control"] == "no-store"
    for headers, status in (
        (platform.as_user("ada"), 403),
        (platform.in_browser("ada"), 403),
        (platform.as_user("ada", server_of="playground"), 404),
        (platform.as_user("lea", server_of="oncology"), 403),
        (platform.as_user("carl", server_of="cardiology"), 404),
    ):
        refused = call(platform, "GET", path, headers)
        assert refused.status_code == status, refused.text
        assert OWN not in refused.text
    assert platform.get("/tenants/oncology/secrets", user="lea").json()["items"] == []
    (own,) = platform.get("/tenants/oncology/secrets").json()["items"]
    assert (own["personal"], own["last_used_by"]) == (True, "JupyterLab")
    call(platform, "GET", path, platform.as_user("ada", server_of="oncology"))
    audit = platform.get("/tenants/oncology/audit").json()["items"]
    assert [line["action"] for line in audit] == ["secret.used", "secret.set"]
    assert audit[0]["detail"] == {"personal": "ada", "by": "JupyterLab"}


def test_a_missing_personal_value_says_how_to_set_it(platform: Platform) -> None:
    server = platform.as_user("ada", server_of="oncology")
    missing = call(platform, "GET", f"{PERSONAL}/value", server)
    assert missing.status_code == 404
    assert "`galley secret set warehouse --personal --tenant oncology`" in missing.json()["detail"]


@pytest.mark.parametrize(
    ("path", "value", "field", "said"),
    [
        (TENANTS_OWN, "abc", "value", "fewer than 4 characters"),
        (TENANTS_OWN, "  x  ", "value", "fewer than 4 characters"),
        (TENANTS_OWN, "x" * 70000, "value", "at most 65536"),
        (TENANTS_OWN, "abc\0def", "value", "NUL"),
        ("/tenants/oncology/secrets/1st", VALUE, "name", "a letter first"),
    ],
)
def test_bad_input_changes_nothing_and_is_not_repeated(
    platform: Platform, path: str, value: str, field: str, said: str
) -> None:
    refused = put(platform, path, value=value)
    assert refused.status_code == 422
    assert refused.json()["field"] == field
    assert said in refused.json()["detail"]
    assert value not in refused.text
    assert platform.get("/tenants/oncology/secrets").json()["items"] == []


def test_a_body_that_is_not_one_does_not_come_back(platform: Platform) -> None:
    headers = platform.as_user("olga")
    refused = call(platform, "PUT", TENANTS_OWN, headers, {"value": [VALUE], "extra": VALUE})
    assert refused.status_code == 422
    assert VALUE not in refused.text


def test_an_unknown_secret_cannot_be_published(platform: Platform) -> None:
    told = platform.post("/tenants/oncology/analyses", {"notebook": notebook(CODE)}).json()
    assert [one["code"] for one in told["checks"]][:2] == ["unknown-secret", "no-personal-value"]
    refused = platform.post(
        "/tenants/oncology/pipelines/p/versions", {"notebook": notebook(CODE), "name": "P"}
    )
    assert refused.status_code == 422
    assert refused.json()["detail"] == (
        "The notebook cannot be published: cell 3 names the secret 'warehouse', which tenant "
        "'oncology' does not have: check the name (galley secret list), or ask an operator to set "
        "it: galley secret set warehouse --tenant oncology"
    )
    put(platform)
    told = platform.post("/tenants/oncology/analyses", {"notebook": notebook(CODE)}).json()
    assert told["checks"][0]["code"] == "no-personal-value"
    assert "--personal" in told["checks"][0]["message"]
    assert told["secrets"] == [{"name": "warehouse", "variable": None, "cell": 2, "line": 2}]


def test_a_rehearsal_gets_its_authors_value_and_a_run_the_tenants(platform: Platform) -> None:
    put(platform)
    put(platform, PERSONAL, "ada", OWN)
    put(platform, PERSONAL.replace("oncology", "playground"), "ada", "elsewhere")
    version = platform.publish("p", notebook=notebook(CODE))
    assert [one["name"] for one in version["analysis"]["secrets"]] == ["warehouse"]
    rehearsal = platform.run_through("oncology", "ada")
    assert rehearsal.secrets.values == {"warehouse": OWN}
    for user, gate in (("lea", "lead"), ("max", "mle")):
        body = {"gate": gate, "verdict": "approve", "digest": version["digest"]}
        approved = platform.post(f"/versions/{version['id']}/decisions", body, user)
        assert approved.status_code == 200, approved.text
    assert platform.post("/tenants/oncology/pipelines/p/runs", {}).status_code == 201
    run = platform.run_through("oncology")
    assert run.secrets.values == {"warehouse": VALUE}
    items = platform.get("/tenants/oncology/secrets").json()["items"]
    assert [(one["personal"], one["last_used_by"]) for one in items] == [
        (False, "p v1"),
        (True, "p v1"),
    ]
    used = [
        line
        for line in platform.get("/tenants/oncology/audit").json()["items"]
        if line["action"] == "secret.used"
    ]
    assert [line["actor"] for line in used] == ["galley", "ada"]
    assert used[0]["detail"]["run"] == str(run.run)
    everything = json.dumps(used) + platform.get(f"/runs/{run.run}").text
    assert VALUE not in everything
    found = [
        path
        for path in platform.settings.home.rglob("*")
        if path.is_file() and {VALUE.encode(), OWN.encode()} & _found(path)
    ]
    assert found == [], "nothing that the service keeps holds a value"


def _found(path: Path) -> set[bytes]:
    content = path.read_bytes()
    return {value for value in (VALUE.encode(), OWN.encode()) if value in content}


def test_variables_of_the_metadata(platform: Platform) -> None:
    put(platform)
    put(platform, PERSONAL, "ada", OWN)
    declared = {"DB_PASSWORD": "warehouse", "OTHER": "warehouse"}
    version = platform.publish("p", notebook=declaring(declared))
    other = platform.publish("q", notebook=declaring(["warehouse"]))
    plain = platform.publish("r")
    assert len({one["digest"] for one in (version, other, plain)}) == 3
    rehearsal = platform.run_through("oncology", "ada")
    assert rehearsal.secrets.environment == {"DB_PASSWORD": OWN, "OTHER": OWN}
    assert platform.run_through("oncology", "ada").secrets.environment == {"WAREHOUSE": OWN}
    assert platform.run_through("oncology", "ada").secrets.values == {}


def test_a_rehearsal_without_a_personal_value_is_told_so(platform: Platform) -> None:
    put(platform)
    platform.publish("p", notebook=notebook(CODE))
    work = platform.lease("oncology", "ada")
    assert work is not None
    assert work.secrets.values == {}
    assert work.secrets.failure_class is FailureClass.USER
    assert work.secrets.error is not None
    assert work.secrets.error.cell == 2
    assert work.secrets.error.message == (
        "ada has no personal value of the secret 'warehouse', which a rehearsal takes: set it with "
        "`galley secret set warehouse --personal --tenant oncology`, then publish again"
    )


def test_a_trial_without_a_personal_value_is_told_so(platform: Platform) -> None:
    put(platform)
    put(platform, PERSONAL, "ada", OWN)
    version = platform.publish("p", notebook=notebook(CODE))
    platform.run_through("oncology", "ada")
    assert call(platform, "DELETE", PERSONAL, platform.as_user("ada")).status_code == 204
    trial = {"version": version["number"]}
    assert platform.post("/tenants/oncology/pipelines/p/trials", trial).status_code == 201
    work = platform.lease("oncology", "ada")
    assert work is not None
    assert work.secrets.error is not None
    assert work.secrets.error.message == (
        "ada has no personal value of the secret 'warehouse', which a trial takes: set it with "
        "`galley secret set warehouse --personal --tenant oncology`, then try again"
    )


def test_a_lost_key_stops_only_what_needs_it_and_comes_back(platform: Platform) -> None:
    put(platform)
    put(platform, PERSONAL, "ada", OWN)
    platform.publish("p", notebook=notebook(CODE))
    keys = platform.settings.secret_keys
    aside = keys.rename(keys.with_name("aside"))
    refused = put(platform, value="something new")
    assert refused.status_code == 503
    assert "no file of keys" in refused.json()["detail"]
    work = platform.lease("oncology", "ada")
    assert work is not None
    assert work.secrets.failure_class is FailureClass.INFRASTRUCTURE
    assert work.secrets.error is not None
    assert "Put it back from a backup" in work.secrets.error.message
    assert len(platform.get("/tenants/oncology/secrets").json()["items"]) == 2
    aside.rename(keys)
    server = platform.as_user("ada", server_of="oncology")
    assert call(platform, "GET", f"{PERSONAL}/value", server).json() == {"value": OWN}


def test_only_what_is_approved_gets_the_tenants_values(platform: Platform) -> None:
    put(platform)
    put(platform, PERSONAL, "ada", OWN)
    version = platform.publish("p", notebook=notebook(CODE))
    rehearsal = platform.run_through("oncology", "ada")
    given = platform.store.write(
        lambda s: dispatch.give_secrets(
            s,
            platform.context.vault,
            HostIdentity(tenant="oncology"),
            rehearsal,
            platform.clock(),
        )
    )
    assert version["state"] == "rehearsing"
    assert given.secrets.values == {}
    assert given.secrets.error is not None
    assert "only an approved version" in given.secrets.error.message
    assert platform.store.read(lambda s: secrets.known(s, "oncology", "")) == {"warehouse"}
