"""The whole way in a browser: sign in, fill the form, answer what the run asks, look at graph and artifacts."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from tests.flows.stand import ENDED, TENANT, Stand
from tests.support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

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


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()


class Desk:
    """One person at one browser."""

    def __init__(self, browser: Browser, stand: Stand, pictures: Path) -> None:
        self.context = browser.new_context(viewport={"width": 1440, "height": 1100})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.stand = stand
        self.url = stand.said["url"]
        self.outside: list[str] = []
        self.pictures = pictures
        self.page.on("requestfinished", self._note)

    def _note(self, request: Request) -> None:
        """A request that left this machine and was answered."""
        if not re.match(r"(http|ws)://(127\.0\.0\.1|localhost)[:/]|data:|blob:", request.url):
            self.outside.append(request.url)

    def picture(self, name: str) -> None:
        self.page.wait_for_timeout(700)  # animations
        self.page.screenshot(path=str(self.pictures / f"{name}.png"), full_page=True)

    def sign_in(self) -> None:
        self.page.goto(self.url)
        field = self.page.get_by_placeholder(re.compile("admin:pass|password|auth", re.I))
        field.fill(":".join(self.stand.credential))
        self.picture("1-sign-in")
        self.page.get_by_role("button", name=re.compile("log ?in|sign in|submit", re.I)).click()
        expect(field).to_have_count(0)


@pytest.fixture
def desk(browser: Browser, stand: Stand, tmp_path: Path) -> Iterator[Desk]:
    """Pictures go to TENANTRY_TEST_PICTURES where that is set, to be looked at."""
    pictures = Path(os.environ.get("TENANTRY_TEST_PICTURES") or tmp_path)
    pictures.mkdir(parents=True, exist_ok=True)
    seated = Desk(browser, stand, pictures)
    yield seated
    seated.context.close()


def answers_in_prefect(stand: Stand) -> list[str]:
    """Everything that is left in Prefect's database of answers to forms."""
    with sqlite3.connect(f"file:{stand.home.prefect / 'prefect.db'}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT key FROM flow_run_input WHERE key LIKE '%-response'")
        return [row[0] for row in rows]


def answer(desk: Desk, flow_run_id: str, person: str, code: Callable[[], str], reason: str, picture: str) -> None:
    """Resume a suspended run with its form. The code comes last: on a slow machine one lapses while a page loads."""
    page = desk.page
    page.goto(f"{desk.url}/v2/runs/flow-run/{flow_run_id}")
    page.locator("button[aria-haspopup=menu]").first.click()
    page.get_by_role("menuitem", name="Resume").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Who you are").fill(person)
    dialog.get_by_label("Decision").click()
    page.get_by_role("option", name="approve").click()
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_label("Code").fill(code())
    desk.picture(picture)
    dialog.get_by_role("button", name="Resume").click()
    expect(dialog).to_have_count(0)


def test_a_run_from_the_form_to_its_artifacts(desk: Desk, stand: Stand) -> None:
    page = desk.page
    desk.sign_in()
    deployment = stand.deployment("small")

    page.goto(f"{desk.url}/v2/deployments/deployment/{deployment['id']}/run?parameters=%7B%7D")
    page.get_by_label("Tenant").click()
    page.get_by_role("option", name=TENANT).click()
    page.get_by_label("The account").fill(stand.victim)
    desk.picture("2-form")
    before = {run["id"] for run in stand.flow_runs("small")}
    page.get_by_role("button", name="Submit").click()
    started: list[str] = []

    def there() -> bool:
        started[:] = [run["id"] for run in stand.flow_runs("small") if run["id"] not in before]
        return bool(started)

    until(there, "the form started no run")
    run = stand.wait_for(started[0], "PAUSED", *ENDED)
    assert run["state_name"] == "Suspended", (run["parameters"], stand.worker_log())
    assert run["name"] == f"{TENANT} · {stand.victim}"

    # A wrong code: counted, and the form is shown again.
    wrong = stand.wrong_code("lab.approver")
    answer(desk, started[0], "lab.approver", lambda: wrong, "checked", "3-answer")
    stand.wait_for_event(started[0], "approval.refused")
    stand.wait_for(started[0], "PAUSED")
    assert stand.writes() == []
    assert answers_in_prefect(stand) == []

    # The right one, and a second person: four eyes, and who started the run is not proven.
    answer(desk, started[0], "lab.approver", lambda: stand.code("lab.approver"), "checked by phone", "4-answer")
    stand.wait_for_event(started[0], "approval.decided")
    stand.wait_for(started[0], "PAUSED")
    assert stand.writes() == []
    assert answers_in_prefect(stand) == []
    stand.resume(started[0], "lab.lead", stand.code("lab.lead"))
    stand.wait_for_event(started[0], "step.intent")
    stand.wait_for(started[0], "PAUSED")
    stand.resume(started[0], "lab.lead", stand.code("lab.lead"), reason="the owner confirmed")
    assert stand.wait_for(started[0], *ENDED)["state_name"] == "Completed"
    assert len(stand.writes()) == 1
    assert answers_in_prefect(stand) == []

    page.goto(f"{desk.url}/v2/runs/flow-run/{started[0]}")
    expect(page.get_by_text("Completed").first).to_be_visible()
    desk.picture("5-run")
    page.goto(f"{desk.url}/v2/runs/flow-run/{started[0]}?tab=Artifacts")
    expect(page.get_by_text(f"steps-{started[0]}").first).to_be_visible()
    desk.picture("6-artifacts")
    for artifact in stand.artifacts(started[0]):
        page.goto(f"{desk.url}/v2/artifacts/artifact/{artifact['id']}")
        expect(page.get_by_text(artifact["key"]).first).to_be_visible()
        desk.picture(f"7-{artifact['key'].partition('-')[0]}")

    # Prefect's pages ask an analytics host for instructions; the policy keeps them from it.
    assert desk.outside == []


def test_the_timeline_behind_the_same_sign_in(browser: Browser, stand: Stand, tmp_path: Path) -> None:
    run = stand.begin("plain", {"tenant": TENANT, "account": stand.victim})
    assert stand.wait_for(run, *ENDED)["state_name"] == "Completed"
    address = f"{stand.said['pages']}/runs/{run}/timeline"
    user, password = stand.credential
    context = browser.new_context(http_credentials={"username": user, "password": password})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(address)
    expect(page.locator("svg").first).to_be_visible()
    page.screenshot(path=str(Path(os.environ.get("TENANTRY_TEST_PICTURES") or tmp_path) / "8-timeline.png"))
    assert [text for text in complaints if "favicon" not in text and "404" not in text] == []
    context.close()
