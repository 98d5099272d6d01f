"""From a vendor's POST to an account that is shut out, through every process of the service."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.flows.stand import TENANT, Stand
from tests.support.waiting import until
from tests.tenantry.alerts.samples import GRAPH

TOKEN = "canary-served-77d0"
RULES = """\
rules:
  - {id: served, when: {sources: [served], entity: account, severity_at_least: high}, run: plain, with: {account: account}}
"""


@pytest.fixture
def alerting(stand: Stand) -> Iterator[Stand]:
    before = stand.home.estate.read_text(encoding="utf-8") if stand.home.estate.exists() else ""
    with stand.opened() as installation:
        installation.vault.put("_msp", "alerts/served", TOKEN)
    rules = stand.home.runbooks / "alerts" / "rules"
    rules.mkdir(parents=True, exist_ok=True)
    (rules / "served.yaml").write_text(RULES, encoding="utf-8")
    source = f'{{kind: microsoft_graph, proof: token, secret: "vault:_msp/alerts/served", tenant: {TENANT}}}'
    stand.home.estate.write_text(f"{before}alerts: {{served: {source}}}\n", encoding="utf-8")
    yield stand
    stand.home.estate.write_text(before, encoding="utf-8")
    (rules / "served.yaml").unlink()


def post(stand: Stand, number: int) -> httpx.Response:
    text = json.dumps(GRAPH).replace("Dana@acme.example", stand.victim)
    body = json.loads(text) | {"id": f"alert-{number}"}
    return httpx.post(f"{stand.said['console']}/alerts/served", json=body, headers={"x-alert-token": TOKEN}, timeout=30)


def test_an_alert_shuts_an_account_out_once(alerting: Stand) -> None:
    answers = [post(alerting, number) for number in range(5)]
    assert [one.status_code for one in answers] == [202] * 5, answers[0].text
    ids = [one.json()["alerts"][0]["id"] for one in answers]

    until(lambda: bool(alerting.lab.audit), alerting.worker_log, seconds=90)
    shown = json.loads(alerting.command("alerts", "show", ids[0], "--json").stdout)
    assert (shown["state"], shown["tenant"]) == ("run", TENANT)
    run_id = shown["incident"]["run_id"]
    alerting.wait_for_event(run_id, "run.ended")
    with alerting.opened() as installation:
        runs = [one for one in installation.journal.runs(TENANT) if installation.state(one.run_id).started_itself]
        assert [one.run_id for one in runs] == [run_id]
        assert installation.state(run_id).ended == "completed"
        state = installation.state(run_id)
    assert state.flow_run_id is not None, "Prefect was told of it while it was under way"
    shown_run = alerting.wait_for(state.flow_run_id, "COMPLETED")
    assert f"run:{run_id}" in shown_run["tags"]
    (task_run,) = alerting.task_runs(state.flow_run_id)
    assert (task_run["name"], task_run["state_name"]) == ("contain · block", "Changed")
    assert len([one for one in alerting.flow_runs("plain") if f"run:{run_id}" in one["tags"]]) == 1
    every = json.loads(alerting.command("alerts", "list", "--all", "--json").stdout)
    assert sorted(one["state"] for one in every) == ["merged"] * 4 + ["run"]
    assert post(alerting, 0).json()["alerts"][0]["known"] is True
    assert len(alerting.lab.audit) == 1, "the account was shut out once"
