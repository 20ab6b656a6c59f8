from __future__ import annotations

import pytest
from galley.service import API, PREFIX, xsrf

from tests.galley.service.platform import HOST, Platform

WRITE = f"{API}/tenants/oncology/pipelines/nothing/schedule/pause"


def write(platform: Platform, headers: dict[str, str]) -> tuple[int, str | None]:
    answer = platform.client.post(WRITE, headers=headers)
    return answer.status_code, (answer.json().get("data") or {}).get("reason")


def test_a_browsers_write_with_the_proof_is_done(platform: Platform) -> None:
    assert write(platform, platform.in_browser("ada")) == (404, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({xsrf.HEADER: None}, "xsrf"),
        ({xsrf.HEADER: "0" * 64}, "xsrf"),
        ({"Cookie": "service-galley=ada-None-"}, "xsrf"),
        ({"Origin": "https://evil.test"}, "origin"),
        ({"Sec-Fetch-Site": "cross-site"}, "origin"),
        ({"Sec-Fetch-Site": "same-site"}, "origin"),
        ({"Referer": f"{HOST}/user/ada/oncology/lab"}, "origin"),
        ({"Referer": f"{HOST}/services/galley-evil/"}, "origin"),
    ],
)
def test_a_browsers_write_without_the_whole_proof_is_refused(
    platform: Platform, change: dict[str, str | None], reason: str
) -> None:
    headers = {**platform.in_browser("ada"), **change}
    sent = {name: value for name, value in headers.items() if value is not None}
    assert write(platform, sent) == (403, reason)


def test_the_proof_of_another_session_is_no_proof(platform: Platform) -> None:
    mine, other = platform.in_browser("ada"), platform.in_browser("lea")
    session = mine["Cookie"].partition(";")[0]
    proof = other[xsrf.HEADER]
    mixed = {**mine, "Cookie": f"{session}; {xsrf.COOKIE}={proof}", xsrf.HEADER: proof}
    assert write(platform, mixed) == (403, "xsrf")


def test_reading_with_the_cookie_alone_is_fine_and_tells_the_proof(platform: Platform) -> None:
    cookie = platform.in_browser("ada")["Cookie"].partition(";")[0]
    me = platform.client.get(f"{API}/me", headers={"Cookie": cookie}).json()
    assert me["via"] == "browser"
    assert me["xsrf"] == platform.in_browser("ada")[xsrf.HEADER]


def test_tokens_are_told_apart_and_carry_no_xsrf(platform: Platform) -> None:
    server = platform.client.get(
        f"{API}/me", headers=platform.as_user("ada", server_of="oncology")
    ).json()
    assert (server["via"], server["xsrf"]) == ("server", None)
    assert [tenant["name"] for tenant in server["tenants"]] == ["oncology"]
    assert server["tenants"][0]["actions"] == ["read", "publish", "run"]
    token = platform.get("/me").json()
    assert token["via"] == "token"
    assert {tenant["name"] for tenant in token["tenants"]} == {"oncology", "playground"}


def test_a_profile_that_cannot_be_had_says_why(platform: Platform) -> None:
    tenants = platform.get("/me").json()["tenants"]
    profiles = {one["name"]: one for one in tenants[0]["profiles"]}
    assert profiles["cpu-small"]["available"]
    assert not profiles["gpu"]["available"]
    assert "64 GPUs" in profiles["gpu"]["reason"]


def test_signing_in_ends_where_it_began_with_closed_cookies(platform: Platform) -> None:
    wanted = f"{PREFIX}/runs/1?tab=log"
    begun = platform.client.get(wanted)
    assert begun.status_code == 302
    platform.hub.codes["code-1"] = platform.as_user("ada")["Authorization"].split()[1]
    done = platform.client.get(f"{PREFIX}/oauth_callback?code=code-1&state=state-0")
    assert (done.status_code, done.headers["location"]) == (302, wanted)
    cookies = done.headers.get_list("set-cookie")
    (session,) = [one for one in cookies if one.startswith("service-galley=")]
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert f"Path={PREFIX}/" in session
    assert platform.client.get(wanted).status_code == 200


def test_a_sign_in_of_another_browser_is_not_finished_here(platform: Platform) -> None:
    platform.client.get(f"{PREFIX}/")
    platform.client.cookies.clear()
    answer = platform.client.get(f"{PREFIX}/oauth_callback?code=code-1&state=state-0")
    assert answer.status_code == 401
    assert "not begun in this browser" in answer.json()["detail"]


def test_a_sign_in_never_leads_off_the_site(platform: Platform) -> None:
    platform.hub.codes["c"] = platform.as_user("ada")["Authorization"].split()[1]
    for evil in ("https://evil.test/", "//evil.test/", f"{PREFIX}/\\evil.test"):
        platform.client.get(f"{PREFIX}/")
        state = list(platform.hub.states)[-1]
        platform.hub.states[state] = evil
        done = platform.client.get(f"{PREFIX}/oauth_callback?code=c&state={state}")
        assert done.headers["location"] == f"{PREFIX}/"
        platform.client.cookies.clear()


def test_signing_out_clears_the_cookies_and_goes_on_to_the_hub(platform: Platform) -> None:
    answer = platform.client.get(f"{PREFIX}/logout")
    assert answer.headers["location"] == "/hub/logout"
    assert all('=""' in one for one in answer.headers.get_list("set-cookie"))


def test_without_the_hub_people_are_told_and_hosts_go_on(platform: Platform) -> None:
    platform.publish()
    platform.hub.away = True
    answer = platform.get("/me")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert "try again" in answer.json()["detail"]
    platform.run_through("oncology", "ada")
