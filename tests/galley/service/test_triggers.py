"""Triggers over HTTP: who may set them, webhooks and their signatures, and the loops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from galley.schedule.hook import signature
from galley.service import API
from galley.service.background import Background
from galley.store import hook_secrets
from galley.supervisor import secret_keys
from galley.vault import rotate_keys
from httpx import Response

from tests.galley.service.platform import Platform

PIPELINE = "/tenants/oncology/pipelines/daily-report"
PATH = f"{PIPELINE}/triggers"
HOOK: dict[str, Any] = {"name": "ci", "source": {"type": "webhook"}}


@pytest.fixture
def passes(platform: Platform) -> Background:
    context = platform.context
    return Background(
        platform.settings,
        lambda: platform.tenants,
        platform.store,
        context.blobs,
        platform.launcher,
        context.renderer,
        platform.clock,
        keeper=context.keeper,
    )


def hook(platform: Platform, **fields: Any) -> tuple[str, str]:
    """Publish, approve and add a webhook; return its address and its secret."""
    platform.approved()
    made = platform.post(PATH, {**HOOK, **fields}, user="olga")
    assert made.status_code == 201, made.text
    return made.json()["trigger"]["hook"], made.json()["secret"]


def send(
    platform: Platform,
    address: str,
    secret: str,
    body: bytes = b"",
    *,
    after_s: int = 0,
    changed: dict[str, str] | None = None,
) -> Response:
    timestamp = str(int(platform.clock().timestamp()) + after_s)
    headers = {
        "Galley-Timestamp": timestamp,
        "Galley-Signature": signature(secret, timestamp, body),
        **(changed or {}),
    }
    answer: Response = platform.client.post(API + address, headers=headers, content=body)
    return answer


def started(platform: Platform, slug: str = "daily-report") -> list[dict[str, Any]]:
    path = f"/tenants/oncology/pipelines/{slug}/runs"
    items: list[dict[str, Any]] = platform.get(path, kind="pipeline").json()["items"]
    return items


def test_a_signed_request_starts_a_run_that_says_so(platform: Platform) -> None:
    address, secret = hook(platform, parameters={"alpha": 2})
    answer = send(platform, address, secret)
    assert answer.status_code == 202, answer.text
    (run,) = started(platform)
    assert (run["id"], run["trigger"], run["parameters"]) == (
        answer.json()["run"],
        "webhook",
        {"alpha": 2},
    )
    assert run["requested_by"] is None
    assert run["cause"]["name"] == "ci"
    (firing,) = platform.get(f"{PATH}/ci/firings", "rita").json()["items"]
    assert (firing["run"], firing["cause"]) == (run["id"], run["cause"]["detail"])
    assert firing["state"] == run["state"] == "queued"
    platform.clock.pass_time(seconds=1)
    body = json.dumps({"parameters": {"alpha": 3}, "logical_date": "2026-11-01T06:00:00Z"})
    assert send(platform, address, secret, body.encode()).status_code == 202
    newest = started(platform)[0]
    assert newest["parameters"] == {"alpha": 3}
    assert newest["logical_date"] == "2026-11-01T06:00:00Z"


def test_wrong_old_and_replayed_signatures_change_nothing(platform: Platform) -> None:
    address, secret = hook(platform)
    assert send(platform, address, secret, b"{}").status_code == 202
    replayed = send(platform, address, secret, b"{}")
    assert (replayed.status_code, replayed.json()["code"]) == (409, "conflict")
    assert "taken before" in replayed.json()["detail"]
    good = signature(secret, str(int(platform.clock().timestamp())), b"{}")
    timestamp = {"Galley-Timestamp": str(int(platform.clock().timestamp()) + 1)}
    for wrong in (
        send(platform, address, "another secret"),
        send(platform, address, secret, b"{}", changed={"Galley-Signature": good[:-1] + "x"}),
        send(platform, address, secret, b"{}", changed={"Galley-Signature": ""}),
        send(platform, address, secret, b"{}", changed={"Galley-Signature": good[3:]}),
        send(platform, address, secret, b"{ }", changed={"Galley-Signature": good}),
        send(platform, address, secret, b"{}", changed={"Galley-Signature": good, **timestamp}),
        send(platform, f"/hooks/{uuid4()}", secret),
        platform.client.post(API + address),
    ):
        assert (wrong.status_code, wrong.json()["code"]) == (401, "not-signed-in")
        assert "the signature is wrong, or there is no such trigger" in wrong.json()["detail"]
    for after_s, word in ((-301, "301 s before now"), (302, "302 s after now")):
        late = send(platform, address, secret, after_s=after_s)
        assert (late.status_code, word in late.json()["detail"]) == (401, True)
    assert send(platform, address, secret, b"", after_s=-300).status_code == 202
    platform.clock.pass_time(seconds=600)
    assert send(platform, address, secret, b"{}", after_s=-600).status_code == 401
    assert len(started(platform)) == 2
    assert len(platform.get(f"{PATH}/ci/firings").json()["items"]) == 2


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b'{"parameters": {"alpha": "many"}}', 422, "parameters.alpha"),
        (b'{"parameters": {"beta": 1}}', 422, "parameters.beta"),
        (b'{"other": 1}', 422, "other"),
        (b'{"logical_date": "2026-11-01T06:00:00"}', 422, "logical_date"),
        (b"not json", 422, None),
        (b"[]", 422, None),
        (b'"' + b"x" * 2**16 + b'"', 413, None),
    ],
)
def test_bad_bodies_are_refused_and_may_be_sent_right(
    platform: Platform, body: bytes, status: int, field: str | None
) -> None:
    address, secret = hook(platform)
    answer = send(platform, address, secret, body)
    assert (answer.status_code, answer.json().get("field")) == (status, field), answer.text
    assert started(platform) == []
    assert platform.get(f"{PATH}/ci/firings").json()["items"] == []
    assert send(platform, address, secret).status_code == 202


def test_a_paused_or_removed_hook_runs_nothing(platform: Platform) -> None:
    address, secret = hook(platform)
    assert platform.post(f"{PATH}/ci/pause").status_code == 200
    paused = send(platform, address, secret)
    assert (paused.status_code, "paused, by ada" in paused.json()["detail"]) == (409, True)
    assert platform.post(f"{PATH}/ci/resume").json()["paused"] is False
    assert send(platform, address, secret).status_code == 202, "the refused one was not used up"
    delete = platform.client.delete(f"{API}{PATH}/ci", headers=platform.as_user("olga"))
    assert delete.status_code == 204
    assert send(platform, address, secret, b"{}").status_code == 401
    (run,) = started(platform)
    (firing,) = platform.get(f"{PATH}/ci/firings").json()["items"]
    assert firing["run"] == run["id"], "what it fired stays"
    assert platform.post(PATH, HOOK, user="olga").status_code == 201
    assert platform.get(f"{PATH}/ci/firings").json()["items"] == [], "this is another one"
    assert platform.get(f"{PATH}/never/firings").status_code == 404


def test_a_secret_is_shown_once_and_sealed_and_can_be_renewed(platform: Platform) -> None:
    address, secret = hook(platform)
    for path in (PATH, "/tenants/oncology/triggers", "/tenants/oncology/audit"):
        assert secret not in platform.get(path, "olga").text
    assert platform.get("/tenants/oncology/secrets", "olga").json()["items"] == []
    for file in platform.settings.service_state.glob("galley.db*"):
        assert secret.encode() not in file.read_bytes()
    renewed = platform.post(f"{PATH}/ci/secret", user="olga").json()["secret"]
    assert send(platform, address, secret).status_code == 401
    assert send(platform, address, renewed).status_code == 202


def test_a_new_key_reseals_it(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    address, secret = hook(platform)
    monkeypatch.setattr(secret_keys, "read_settings", lambda _: platform.settings)
    before = _sealed(platform, address)
    secret_keys.rotate(platform.settings.home)
    assert _sealed(platform, address) != before
    rotate_keys(platform.settings.secret_keys)
    assert send(platform, address, secret).status_code == 202


def _sealed(platform: Platform, address: str) -> bytes | None:
    series = UUID(address.rpartition("/")[2])
    return platform.store.read(lambda s: hook_secrets.sealed(s, "oncology", series))


def test_too_many_open_runs_are_refused(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("galley.schedule.hook.HOOK_OPEN", 1)
    address, secret = hook(platform)
    assert send(platform, address, secret).status_code == 202
    refused = send(platform, address, secret, b"{}")
    assert (refused.status_code, "ask again later" in refused.json()["detail"]) == (409, True)


def test_who_may_set_and_who_may_pause(platform: Platform) -> None:
    platform.approved()
    for user, status in (("ada", 403), ("rita", 403), ("carl", 404), ("lea", 201)):
        assert platform.post(PATH, HOOK, user=user).status_code == status, user
    server = platform.as_user("olga", server_of="oncology")
    path = f"{API}{PATH}"
    assert platform.client.post(path, headers=server, json=HOOK).status_code == 403
    assert platform.post(f"{PATH}/ci/pause", user="rita").status_code == 403
    assert platform.post(f"{PATH}/ci/secret").status_code == 403
    delete = platform.client.delete(f"{path}/ci", headers=platform.as_user("ada"))
    assert delete.status_code == 403
    platform.publish("mine", "playground")
    free = platform.post("/tenants/playground/pipelines/mine/triggers", HOOK)
    assert free.status_code == 201, "where nothing is reviewed, its operators set triggers"


def test_a_success_upstream_and_a_file_fire_through_the_loops(
    platform: Platform, passes: Background, tmp_path: Path
) -> None:
    for slug in ("orders", "daily-report"):
        platform.approved(slug)
    source = {"type": "upstream", "pipelines": ["orders"]}
    made = platform.post(PATH, {"name": "after-orders", "source": source}, user="olga")
    assert made.status_code == 201, made.text
    circle = platform.post(
        "/tenants/oncology/pipelines/orders/triggers",
        {"name": "back", "source": {"type": "upstream", "pipelines": ["daily-report"]}},
        user="olga",
    )
    assert circle.status_code == 422
    assert "orders → daily-report → orders" in circle.json()["detail"]
    platform.post("/tenants/oncology/pipelines/orders/runs", {})
    platform.run_through("oncology")
    passes.hear()
    passes.hear()
    (run,) = started(platform)
    (first,) = started(platform, "orders")
    assert run["cause"]["detail"] == {"upstream": {"orders": first["id"]}}

    folder = tmp_path / "landing"
    folder.mkdir()
    _allow(platform, f"file://{folder}/")
    url = f"file://{folder}/a.csv"
    body = {"name": "landing", "source": {"type": "file", "url": url, "interval_s": 10}}
    assert platform.post(PATH, body, user="olga").status_code == 201
    passes.watch()
    (folder / "a.csv").write_text("1")
    for _ in range(3):
        platform.clock.pass_time(seconds=10)
        passes.watch()
    newest, _ = started(platform)
    assert newest["trigger"] == "file"
    assert newest["cause"]["detail"]["url"] == url
    (watch,) = [one["watch"] for one in platform.get(PATH).json()["items"] if one["watch"]]
    assert (watch["error"], watch["failures"]) == (None, 0)
    elsewhere = {"type": "file", "url": "file:///etc/passwd"}
    refused = platform.post(PATH, {"name": "x", "source": elsewhere}, user="olga")
    assert (refused.status_code, refused.json()["field"]) == (422, "source.url")
    changed = platform.client.put(
        f"{API}{PATH}/landing",
        headers=platform.as_user("olga"),
        json={"source": {**body["source"], "interval_s": 600}},  # type: ignore[dict-item]
    )
    assert changed.json()["source"]["interval_s"] == 600


def _allow(platform: Platform, url: str) -> None:
    tenants = platform.tenants.tenants
    tenants["oncology"] = tenants["oncology"].model_copy(update={"watch": (url,)})
