"""The story in real browsers: author, lead and MLE each at a desk of their own.

With GALLEY_SCREENSHOTS=docs/screenshots it makes the pictures of the README.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.journey.browsers import Desk, chromium
from tests.journey.people import Person
from tests.journey.platform import Platform
from tests.journey.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

PIPELINE = "/tenants/oncology/pipelines/tumours"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def desk(browser: Browser, platform: Platform, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    desks: list[Desk] = []
    pictures = Path(os.environ.get("GALLEY_SCREENSHOTS") or tmp_path / "screenshots")

    def sit_down(name: str, *, dark: bool = False) -> Desk:
        desks.append(Desk(browser, platform, name, pictures, dark=dark))
        return desks[-1]

    yield sit_down
    for one in desks:
        one.close()


def publish_in_the_lab(alice: Desk) -> None:
    page = alice.page
    alice.open_notebook("examples/train_and_score.ipynb")
    page.get_by_role("button", name="Publish", exact=True).first.click()
    dialog = page.get_by_role("dialog")
    name = dialog.get_by_label("Name", exact=True)
    name.fill("")
    expect(dialog).to_contain_text("A name is needed.")
    name.fill("Tumours")
    short = dialog.get_by_label(re.compile("^Short name"))
    short.fill("Not Valid!")
    expect(dialog.get_by_role("button", name=re.compile("Use “"))).to_be_visible()
    short.fill("tumours")
    expect(dialog).to_contain_text("Free: a new pipeline")
    dialog.get_by_label("Metric", exact=True).fill("accuracy")
    dialog.get_by_label("Threshold", exact=True).fill("0.8")
    dialog.get_by_label("When it runs").select_option(label="Own schedule (cron)…")
    cron = dialog.get_by_label(re.compile("^Cron"))
    cron.fill("61 * * * *")
    expect(dialog).to_contain_text("61")
    publish = dialog.get_by_role("button", name="Publish for review")
    expect(publish).to_be_disabled()
    cron.fill("* * * * *")
    dialog.get_by_label(re.compile("^Note to the reviewers")).fill("First version, please look.")
    expect(publish).to_be_enabled()
    expect(dialog.get_by_label("Task graph")).to_be_visible()
    expect(dialog).to_contain_text("Not cut:")
    alice.screenshot("publish")
    publish.click()
    expect(dialog).to_contain_text(re.compile("cell \\d+ of 8"), timeout=60_000)
    alice.screenshot("rehearsal")
    expect(dialog).to_contain_text("Proving the split", timeout=120_000)
    expect(dialog).to_contain_text("Proved equal: 3 tasks", timeout=240_000)
    expect(dialog).to_contain_text("no cell was run in your session", timeout=60_000)
    alice.screenshot("proved")
    dialog.get_by_role("button", name="Close").last.click()


def test_the_story(desk: Callable[..., Desk], person: Callable[[str], Person]) -> None:
    author = person("alice")
    alice = desk("alice")
    alice.sign_in("/hub/home")
    alice.start_lab("oncology")
    publish_in_the_lab(alice)
    version = until(
        lambda: next(
            (
                one
                for one in author.get(f"{PIPELINE}/versions").json().get("items", [])
                if one["state"] == "in_review"
            ),
            None,
        ),
        "the version being in review",
    )
    review = f"/services/galley/reviews/{version['id']}"
    expect(alice.page.get_by_text("v1 waiting for review").first).to_be_visible()

    # The author decides nothing: not on the page, not through the API, not with a lab's token.
    alice.open(review)
    expect(alice.page.get_by_role("button", name="Approve as lead")).to_be_disabled()
    decision = {"gate": "lead", "verdict": "approve", "digest": version["digest"]}
    refused = author.post(f"/versions/{version['id']}/decisions", decision)
    assert refused.status_code == 403

    # Somebody of another tenant sees nothing of it.
    dave = person("dave")
    assert dave.get(PIPELINE).status_code == 404
    assert dave.get(f"/versions/{version['id']}").status_code == 404
    assert dave.get(f"/versions/{version['id']}/notebook").status_code == 404
    assert dave.get("/tenants/oncology/runs").status_code == 404

    for name, button in (("bob", "Approve as lead"), ("carol", "Approve as MLE")):
        reviewer = desk(name)
        reviewer.sign_in("/services/galley/reviews")
        reviewer.page.get_by_role("link", name=re.compile("Tumours")).first.click()
        reviewer.page.get_by_label("Comment").fill(f"Fine by {name}.")
        reviewer.screenshot(f"review-{name}")
        reviewer.page.get_by_role("button", name=button).click()
        expect(reviewer.page.get_by_text(f"Fine by {name}.").first).to_be_visible()
        assert reviewer.errors == []

    run = until(
        lambda: next(
            (
                one
                for one in author.get("/tenants/oncology/runs", pipeline="tumours").json()["items"]
                if one["trigger"] == "schedule" and one["state"] == "succeeded"
            ),
            None,
        ),
        "the scheduled run",
        patience_s=300,
    )
    assert run["metrics"]["accuracy"] > 0.8
    assert run["goal_met"] is True
    bob = desk("bob", dark=True)
    bob.sign_in(f"/services/galley/runs/{run['id']}")
    expect(bob.page.get_by_role("link", name="Tumours").first).to_be_visible()
    expect(bob.page.get_by_text("Succeeded").first).to_be_visible()
    bob.screenshot("run-dark")
    bob.page.get_by_role("tab", name=re.compile("Log")).click()
    expect(bob.page.get_by_text("569 patients").first).to_be_visible()
    bob.page.get_by_role("tab", name=re.compile("Metrics")).click()
    expect(bob.page.get_by_text("accuracy").first).to_be_visible()
    bob.screenshot("metrics-dark")

    # MLflow shows it to the tenant, and to nobody else.
    alice.open(run["mlflow_url"])
    expect(alice.page.get_by_text("accuracy").first).to_be_visible()
    alice.screenshot("mlflow")
    token = dave.token("look around")
    closed = dave.http.get(
        "/services/mlflow/oncology/api/2.0/mlflow/runs/get",
        params={"run_id": run["attempts"][0]["mlflow_run_id"] if run["attempts"] else "x"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert closed.status_code == 404

    # And everyone of the tenant sees so in JupyterLab.
    alice.start_lab("oncology")
    alice.open_notebook("examples/train_and_score.ipynb")
    expect(alice.page.get_by_role("button", name="live v1")).to_be_visible()
    alice.page.get_by_role("tab", name=re.compile("Galley")).click()
    expect(alice.page.get_by_text("Tumours").locator("visible=true").first).to_be_visible()
    alice.screenshot("lab")
    alice.open("/services/galley/tenants/oncology/pipelines/tumours")
    expect(alice.page.get_by_text("Live v1").first).to_be_visible()
    alice.screenshot("pipeline")
    alice.page.get_by_role("button", name="Pause schedule").click()
    until(
        lambda: author.get(PIPELINE).json()["schedule"]["paused"] or None,
        "the schedule being paused",
    )
    alice.open("/services/galley/")
    alice.screenshot("today")
    assert alice.errors == []
