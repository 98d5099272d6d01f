"""From a vendor's POST to an account that is shut out, through every process of the service; in a browser; and what an attacker may send."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from tenantry.alerts.store import AlertStore
from tenantry.capabilities.identity import Account
from tests.flows.browsing import desk_of
from tests.flows.stand import ENDED, TENANT, Stand
from tests.support.canary import leaks
from tests.support.waiting import until
from tests.tenantry.alerts.samples import GRAPH

TOKEN = "canary-served-77d0"
ASKING = """\
id: asking
version: 1
title: An effect, and one that an engineer approves
kind: incident
params:
  account: {type: account, title: The account}
phases: [contain]
steps:
  - id: block
    title: Block sign-in
    phase: contain
    uses: identity.disable_sign_in
    with: {account: "${params.account}"}
  - id: sessions
    title: Revoke sessions
    phase: contain
    uses: identity.revoke_sessions
    needs: [block]
    approve: {role: engineer, reason: The person is in a meeting}
    with: {account: "${params.account}"}
"""
RULES = """\
rules:
  - {id: asking, when: {sources: [asked], entity: account, severity_at_least: high}, run: asking, with: {account: account}}
  - {id: served, when: {sources: [served], entity: account, severity_at_least: high}, run: plain, with: {account: account}}
"""


@pytest.fixture(scope="module")
def configured(served: Stand) -> Iterator[Stand]:
    stand = served
    before = stand.home.estate.read_text(encoding="utf-8") if stand.home.estate.exists() else ""
    with stand.opened() as installation:
        installation.vault.put("_msp", "alerts/served", TOKEN)
    rules = stand.home.runbooks / "alerts" / "rules"
    rules.mkdir(parents=True, exist_ok=True)
    (rules / "served.yaml").write_text(RULES, encoding="utf-8")
    (stand.home.runbooks / "asking.yaml").write_text(ASKING, encoding="utf-8")
    source = f'{{kind: microsoft_graph, proof: token, secret: "vault:_msp/alerts/served", tenant: {TENANT}}}'
    stand.home.estate.write_text(f"{before}alerts: {{served: {source}, asked: {source}}}\n", encoding="utf-8")
    yield stand
    stand.home.estate.write_text(before, encoding="utf-8")
    (rules / "served.yaml").unlink()
    (stand.home.runbooks / "asking.yaml").unlink()


@pytest.fixture
def alerting(configured: Stand, stand: Stand) -> Stand:
    """With a lab as new."""
    return stand


def post(
    stand: Stand, number: int, account: str | None = None, *, source: str = "served", token: str = TOKEN
) -> httpx.Response:
    text = json.dumps(GRAPH).replace("Dana@acme.example", account or stand.victim)
    body = json.loads(text) | {"id": f"alert-{number}"}
    return httpx.post(
        f"{stand.said['console']}/alerts/{source}", json=body, headers={"x-alert-token": token}, timeout=30
    )


def run_of(stand: Stand, answer: httpx.Response) -> str:
    """The run that the message's alert began, once it has been decided on."""
    (one,) = answer.json()["alerts"]
    store = AlertStore(stand.home.alerts_db)
    try:
        until(lambda: store.alert(one["id"]).state != "accepted", stand.worker_log, seconds=90)
        row = store.alert(one["id"])
        assert (row.state, row.tenant) == ("run", TENANT), row.reason
        assert row.incident is not None
        run_id = store.incident(row.incident).run_id
        assert run_id is not None
        return run_id
    finally:
        store.close()


def test_an_alert_shuts_an_account_out_once(alerting: Stand) -> None:
    answers = [post(alerting, number) for number in range(5)]
    assert [one.status_code for one in answers] == [202] * 5, answers[0].text

    until(lambda: bool(alerting.lab.audit), alerting.worker_log, seconds=90)
    run_id = run_of(alerting, answers[0])
    first = json.loads(alerting.command("alerts", "show", answers[0].json()["alerts"][0]["id"], "--json").stdout)
    assert (first["state"], first["tenant"], first["incident"]["run_id"]) == ("run", TENANT, run_id)
    alerting.wait_for_event(run_id, "run.ended")
    with alerting.opened() as installation:
        runs = [one for one in installation.journal.runs(TENANT) if installation.state(one.run_id).started_itself]
        assert [one.run_id for one in runs] == [run_id]
        assert installation.state(run_id).ended == "completed"

    def known_to_prefect() -> bool:
        return alerting.state(run_id).flow_run_id is not None

    until(known_to_prefect, alerting.worker_log, seconds=90)  # told a moment after the first effect
    flow_run_id = alerting.state(run_id).flow_run_id
    assert flow_run_id is not None
    shown_run = alerting.wait_for(flow_run_id, "COMPLETED")
    assert f"run:{run_id}" in shown_run["tags"]
    (task_run,) = alerting.task_runs(flow_run_id)
    assert (task_run["name"], task_run["state_name"]) == ("contain · block", "Changed")
    assert len([one for one in alerting.flow_runs("plain") if f"run:{run_id}" in one["tags"]]) == 1
    every = json.loads(alerting.command("alerts", "list", "--all", "--json").stdout)
    assert sorted(one["state"] for one in every) == ["merged"] * 4 + ["run"]
    assert post(alerting, 0).json()["alerts"][0]["known"] is True
    assert len(alerting.lab.audit) == 1, "the account was shut out once"


def accounts(stand: Stand) -> tuple[list[Account], list[Account]]:
    """Enabled accounts of the lab: with a privileged role, and without any. In a thread: Playwright's loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(_accounts(stand))).result()


async def _accounts(stand: Stand) -> tuple[list[Account], list[Account]]:
    some: list[Account] = []
    none: list[Account] = []
    with stand.opened() as installation:
        async with installation.access(TENANT, "run") as access:
            identity = await access.capability("identity")
            async for account in identity.accounts():
                held = await identity.roles(account.id) if account.enabled else ()
                if any(one.privileged for one in held):
                    some.append(account)
                elif account.enabled and not account.synced and not held:
                    none.append(account)
    return some, none


@pytest.mark.browser
@pytest.mark.timeout(400)
def test_an_engineer_approves_in_prefect_what_an_alert_began(alerting: Stand, chromium: str, tmp_path: Path) -> None:
    """An alert arrives, a run starts, an engineer approves it in Prefect's pages, its timeline is exported and opened."""
    _, plain = accounts(alerting)
    account = next(one.upn for one in reversed(plain) if one.upn != alerting.victim)
    answer = post(alerting, 100, account, source="asked")
    assert answer.status_code == 202, answer.text
    run_id = run_of(alerting, answer)
    alerting.wait_for_event(run_id, "approval.requested")
    until(lambda: alerting.state(run_id).flow_run_id is not None, alerting.worker_log, seconds=90)
    flow_run_id = alerting.state(run_id).flow_run_id
    assert flow_run_id is not None
    assert alerting.wait_for(flow_run_id, "PAUSED", *ENDED)["state_name"] == "Suspended", alerting.worker_log()
    assert [method for _, method, _ in alerting.writes()] == ["PATCH"], (
        "blocked at once; the sessions wait for a person"
    )
    with sync_playwright() as playwright, desk_of(playwright, chromium, alerting) as desk:
        desk.answer(flow_run_id, "lab.engineer", lambda: alerting.code("lab.engineer"), "it is them", "alert-answer")
        assert alerting.wait_for(flow_run_id, *ENDED)["state_name"] == "Completed", alerting.worker_log()
        page = desk.page
        page.goto(f"{desk.url}/v2/runs/flow-run/{flow_run_id}")
        expect(page.get_by_text("Completed").first).to_be_visible()
        desk.picture("alert-run")
        exported = tmp_path / "timeline.html"
        done = alerting.command("timeline", run_id, "--format", "html", "-o", str(exported))
        assert done.returncode == 0, done.stderr
        page.goto(exported.as_uri())
        expect(page.locator("svg").first).to_be_visible()
        for text in ("Block sign-in", "Revoke sessions", "it is them"):
            assert text in page.content()
        desk.picture("alert-timeline")
    assert len(alerting.writes()) == 2


def test_alerts_that_name_every_administrator_disable_none(alerting: Stand) -> None:
    """Whoever has a source's secret can forge what it says, and no more than that."""
    administrators, _ = accounts(alerting)
    assert len(administrators) >= 2
    before = len(alerting.lab.audit)
    runs = []
    for number, one in enumerate(administrators):
        answer = post(alerting, 200 + number, one.upn)
        assert answer.status_code == 202, answer.text
        runs.append(run_of(alerting, answer))
    for run_id in runs:
        alerting.wait_for_event(run_id, "approval.requested")
        alerting.wait_for_event(run_id, "run.stopped")
        assert alerting.state(run_id).status(live=False) == "waiting_for_approval"
    assert len(alerting.lab.audit) == before, "each of them waits for a person"
    for run_id in runs:
        alerting.command("cancel", run_id)


def _raw(stand: Stand, head: str, body: bytes = b"", *, patience: float = 40.0) -> int:
    """Over a socket of our own; returns the answer's status, and 0 where there is none."""
    at = urlsplit(stand.said["console"])
    with socket.create_connection((at.hostname, at.port), timeout=patience) as one:
        one.sendall(head.encode("latin-1"))
        try:
            for place in range(0, len(body), 65_536):
                one.sendall(body[place : place + 65_536])
        except OSError:
            pass  # it has answered, and hears no more
        try:
            said = one.recv(4_096)
        except OSError:
            return 0
    return int(said.split()[1]) if said else 0


def test_what_is_too_large_too_slow_or_forged_is_refused_and_the_intake_goes_on(alerting: Stand) -> None:
    host = urlsplit(alerting.said["console"]).netloc
    head = (
        f"POST /alerts/served HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nX-Alert-Token: {TOKEN}\r\n"
    )
    hundred = 100 << 20
    assert _raw(alerting, f"{head}Content-Length: {hundred}\r\n\r\n") == 413, "before any of it was sent"
    chunk = b"%x\r\n%s\r\n" % (1 << 20, b"[" * (1 << 20))
    assert _raw(alerting, f"{head}Transfer-Encoding: chunked\r\n\r\n", chunk * 100) in (413, 0), "closed, or said so"
    assert _raw(alerting, f"{head}Content-Length: 400\r\n\r\n", b'{"id": ') == 408, "a client that sends no more"
    assert _raw(alerting, f"{head}Content-Length: -1\r\n\r\n") in (400, 413)
    assert _raw(alerting, f"{head}X-Long: {'a' * 70_000}\r\n\r\n") in (400, 431, 0), "closed, or said so"
    assert _raw(alerting, f"{head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n", b"{}") == 400
    forged: set[int] = set()
    with ThreadPoolExecutor(
        16
    ) as senders:  # what is allowed comes back with time: one after the other may be slower than that
        for volley in range(10):
            numbers = range(300 + 100 * volley, 400 + 100 * volley)
            forged |= set(senders.map(lambda number: post(alerting, number, token="forged").status_code, numbers))
            if 429 in forged:
                break
    assert forged == {401, 429}, "limited once it is clear that they prove nothing"
    until(lambda: post(alerting, 2_000).status_code == 202, "the intake takes nothing any more", seconds=60)
    assert leaks(alerting.home.run, {"token": TOKEN}) == []
