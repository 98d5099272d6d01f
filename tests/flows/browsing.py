"""Prefect's pages, as somebody at a desk uses them: sign in, fill a deployment's form, start it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, Playwright, Request, TimeoutError, expect

from tests.flows.stand import Stand
from tests.support.waiting import until

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 60_000
"""Milliseconds; pages and machines are slow."""
expect.set_options(timeout=PATIENCE)


def pictures_wanted() -> Path | None:
    """The folder of TENANTRY_TEST_PICTURES, to be looked at; made."""
    named = os.environ.get("TENANTRY_TEST_PICTURES")
    if not named:
        return None
    Path(named).mkdir(parents=True, exist_ok=True)
    return Path(named)


class Desk:
    """One person at one browser. Pictures go to TENANTRY_TEST_PICTURES where that is set."""

    def __init__(self, browser: Browser, stand: Stand) -> None:
        self.context = browser.new_context(viewport={"width": 1440, "height": 1100})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.stand = stand
        self.url = stand.said["url"]
        self.outside: list[str] = []
        self.pictures = pictures_wanted()
        self.page.on("requestfinished", self._note)

    def _note(self, request: Request) -> None:
        """A request that left this machine and was answered."""
        if not re.match(r"(http|ws)://(127\.0\.0\.1|localhost)[:/]|data:|blob:", request.url):
            self.outside.append(request.url)

    def picture(self, name: str) -> None:
        if self.pictures is not None:
            self.page.wait_for_timeout(700)  # animations
            self.page.screenshot(path=str(self.pictures / f"{name}.png"), full_page=True)

    def sign_in(self) -> None:
        self.page.goto(self.url)
        field = self.page.get_by_placeholder(re.compile("admin:pass|password|auth", re.I))
        try:
            field.wait_for(timeout=PATIENCE / 2)
        except TimeoutError:  # seen once, on a machine with far too much to do: loaded again, as anybody would
            self.page.reload()
        field.fill(":".join(self.stand.credential))
        self.picture("1-sign-in")
        self.page.get_by_role("button", name=re.compile("log ?in|sign in|submit", re.I)).click()
        expect(field).to_have_count(0)

    # --- a deployment's form ------------------------------------------------------------------------------------------

    def form(self, runbook: str, tenant: str) -> None:
        """Open the form that starts a runbook, and choose the tenant."""
        deployment = self.stand.deployment(runbook)
        self.page.goto(f"{self.url}/v2/deployments/deployment/{deployment['id']}/run?parameters=%7B%7D")
        self.page.get_by_label("Tenant").click()
        self.page.get_by_role("option", name=tenant).click()

    def parameter(self, title: str) -> Locator:
        """Everything of one parameter: its title, its menu, what is filled in."""
        titled = self.page.get_by_text(re.compile(rf"^{re.escape(title)}( \(Optional\))?$"))
        return self.page.locator("div.group", has=titled).filter(has=self.page.locator("fieldset")).last

    def fill_optional(self, title: str, value: str) -> None:
        """One that may be left out, whose form offers a text or nothing."""
        part = self.parameter(title)
        part.get_by_role("tab", name="str").click()
        part.get_by_role("textbox").fill(value)

    def fill_list(self, title: str, values: Sequence[str]) -> None:
        """Add the entries of a list one by one."""
        part = self.parameter(title)
        for place, value in enumerate(values):
            part.get_by_role("button", name="Add item").click()
            part.get_by_role("textbox").nth(place).fill(value)

    def submit(self, runbook: str) -> str:
        """Start it. Returns the flow run's id."""
        before = {run["id"] for run in self.stand.flow_runs(runbook)}
        self.page.get_by_role("button", name="Submit").click()
        started: list[str] = []

        def there() -> bool:
            started[:] = [run["id"] for run in self.stand.flow_runs(runbook) if run["id"] not in before]
            return bool(started)

        until(there, "the form started no run")
        return started[0]

    # --- a question ---------------------------------------------------------------------------------------------------

    def answer(self, flow_run_id: str, person: str, code: Callable[[], str], reason: str, picture: str) -> None:
        """Resume a suspended run with its form. The code comes last: on a slow machine one lapses while a page loads."""
        page = self.page
        page.goto(f"{self.url}/v2/runs/flow-run/{flow_run_id}")
        page.locator("button[aria-haspopup=menu]").first.click()
        page.get_by_role("menuitem", name="Resume").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Who you are").fill(person)
        dialog.get_by_label("Decision").click()
        page.get_by_role("option", name="approve").click()
        dialog.get_by_label("Reason").fill(reason)
        dialog.get_by_label("Code").fill(code())
        self.picture(picture)
        dialog.get_by_role("button", name="Resume").click()
        expect(dialog).to_have_count(0)


@contextmanager
def desk_of(playwright: Playwright, chromium: str, stand: Stand) -> Iterator[Desk]:
    """A desk with a browser of its own, signed in; the browser ends with it."""
    browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
    try:
        desk = Desk(browser, stand)
        desk.sign_in()
        yield desk
    finally:
        browser.close()
