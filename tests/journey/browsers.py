"""People at a browser: Debian's Chromium, one context each."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.journey.platform import Platform

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium without a window.

    Raises:
        FileNotFoundError: it is not installed.
    """
    path = shutil.which("chromium")
    if path is None:
        raise FileNotFoundError("Chromium is not installed: `.ci/bootstrap --browser` does it")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


class Desk:
    """One person's browser.

    Args:
        browser: shared by all; each person has a context of their own.
        name: a demo account.
        screenshots: folder that pictures go to.
        dark: prefer the dark theme.
    """

    def __init__(
        self,
        browser: Browser,
        platform: Platform,
        name: str,
        screenshots: Path,
        *,
        dark: bool = False,
    ) -> None:
        self.name = name
        self._platform = platform
        self._screenshots = screenshots
        self._context: BrowserContext = browser.new_context(
            viewport={"width": 1440, "height": 900}, color_scheme="dark" if dark else "light"
        )
        self._context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self._context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def sign_in(self, then: str = "/services/galley/") -> None:
        """Sign in at the hub, and go on to a page."""
        self.page.goto(f"{self._platform.url}/hub/login?next={then}")
        self.page.get_by_label("Username:").fill(self.name)
        self.page.locator("#password_input").fill(self._platform.passwords[self.name])
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "/hub/login" not in url)

    def open(self, path: str) -> None:
        """Open a page of the platform."""
        self.page.goto(f"{self._platform.url}{path}")

    def start_lab(self, tenant: str) -> None:
        """Start JupyterLab in a tenant and wait until it can be used."""
        self.open(f"/hub/spawn/{self.name}/{tenant}")
        start = self.page.get_by_role("button", name="Start", exact=True)
        start.or_(self.page.locator("#jp-main-dock-panel")).first.wait_for()
        if start.is_visible():
            self.screenshot("profiles")
            start.click()
        self.page.locator("#jp-main-dock-panel").wait_for(timeout=120_000)
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def open_notebook(self, path: str) -> None:
        """Open a notebook in the lab that is open, and wait for its kernel."""
        base = re.sub(r"/lab.*", "", self.page.url)
        self.page.goto(f"{base}/lab/tree/{path}")
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=120_000)
        self.page.locator(".jp-Spinner").first.wait_for(state="detached")
        expect(self.page.locator("#jp-main-statusbar")).to_contain_text("Idle")

    def screenshot(self, name: str) -> None:
        """Take a picture."""
        self._screenshots.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self._screenshots / f"{name}.png")

    def close(self) -> None:
        """Close the browser of this person."""
        self._context.close()
