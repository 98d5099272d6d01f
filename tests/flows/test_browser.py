"""The whole way in a browser: sign in, fill the form, answer what the run asks, look at graph and artifacts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.flows.browsing import ARGUMENTS, Desk, pictures_wanted
from tests.flows.stand import ENDED, TENANT, Stand

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def desk(browser: Browser, stand: Stand) -> Iterator[Desk]:
    seated = Desk(browser, stand)
    yield seated
    seated.context.close()


def answers_in_prefect(stand: Stand) -> list[str]:
    """Everything that is left in Prefect's database of answers to forms."""
    with sqlite3.connect(f"file:{stand.home.prefect / 'prefect.db'}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT key FROM flow_run_input WHERE key LIKE '%-response'")
        return [row[0] for row in rows]


def test_a_run_from_the_form_to_its_artifacts(desk: Desk, stand: Stand) -> None:
    page = desk.page
    desk.sign_in()
    desk.form("small", TENANT)
    page.get_by_label("The account").fill(stand.victim)
    desk.picture("2-form")
    started = desk.submit("small")
    run = stand.wait_for(started, "PAUSED", *ENDED)
    assert run["state_name"] == "Suspended", (run["parameters"], stand.worker_log())
    assert run["name"] == f"{TENANT} · {stand.victim}"

    # A wrong code: counted, and the form is shown again.
    wrong = stand.wrong_code("lab.approver")
    desk.answer(started, "lab.approver", lambda: wrong, "checked", "3-answer")
    stand.wait_for_event(started, "approval.refused")
    stand.wait_for(started, "PAUSED")
    assert stand.writes() == []
    assert answers_in_prefect(stand) == []

    # The right one, and a second person: four eyes, and who started the run is not proven.
    desk.answer(started, "lab.approver", lambda: stand.code("lab.approver"), "checked by phone", "4-answer")
    stand.wait_for_event(started, "approval.decided")
    stand.wait_for(started, "PAUSED")
    assert stand.writes() == []
    assert answers_in_prefect(stand) == []
    stand.resume(started, "lab.lead", stand.code("lab.lead"))
    stand.wait_for_event(started, "step.intent")
    stand.wait_for(started, "PAUSED")
    stand.resume(started, "lab.lead", stand.code("lab.lead"), reason="the owner confirmed")
    assert stand.wait_for(started, *ENDED)["state_name"] == "Completed"
    assert len(stand.writes()) == 1
    assert answers_in_prefect(stand) == []

    page.goto(f"{desk.url}/v2/runs/flow-run/{started}")
    expect(page.get_by_text("Completed").first).to_be_visible()
    desk.picture("5-run")
    page.goto(f"{desk.url}/v2/runs/flow-run/{started}?tab=Artifacts")
    expect(page.get_by_text(f"steps-{started}").first).to_be_visible()
    desk.picture("6-artifacts")
    for artifact in stand.artifacts(started):
        page.goto(f"{desk.url}/v2/artifacts/artifact/{artifact['id']}")
        expect(page.get_by_text(artifact["key"]).first).to_be_visible()
        desk.picture(f"7-{artifact['key'].partition('-')[0]}")

    # Prefect's pages ask an analytics host for instructions; the policy keeps them from it.
    assert desk.outside == []


def test_the_timeline_behind_the_same_sign_in(browser: Browser, stand: Stand) -> None:
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
    if (pictures := pictures_wanted()) is not None:
        page.screenshot(path=str(pictures / "8-timeline.png"))
    assert [text for text in complaints if "favicon" not in text and "404" not in text] == []
    context.close()
