"""What the intake is not sent is fetched, by the service's own processes, of which one dies in the middle: Graph's alerts and incidents,
GuardDuty and Security Hub; who is given what came of it; and when the client hears how an incident stands."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from console import labtenant
from flows.pulling import RUNBOOK
from flows.telling import RUNBOOK as STATUS
from tenantry.alerts.cursors import Cursors
from tenantry.alerts.store import AlertStore
from tests.flows.stand import TENANT, Stand
from tests.flows.test_service_kills import process
from tests.support.aws_stand import HUB_KEY, HUB_SECRET, REGIONS, Account, AwsStand, Call, stand_fixture
from tests.support.waiting import until
from tests.tenantry.alerts.samples import GRAPH

TRIAGE: dict[str, Any] = {
    "assign": "round_robin",
    "people": {labtenant.ENGINEER: {"skills": [{"name": "aws"}]}, labtenant.LEAD: {}},
    "rules": [{"id": "cloud", "when": {"entity": "access_key"}, "skills": ["aws"]}],
}
OPEN = """\
id: open_incident
version: 1
title: An incident that goes on
kind: incident
params: {}
phases: [assemble, confirm]
steps:
  - {id: team, title: Team, phase: assemble, uses: incident.assemble_team, with: {severity: high}}
  - id: first_notice
    title: Tell the client
    phase: confirm
    uses: messenger.notify
    needs: [team]
    with:
      template: incident_first_notice
      to: [primary]
      facts: {client: "${tenant.display_name}", account: somebody, severity: high, reference: "${run.id}", next_update: "${steps.team.output.next_update_due}"}
  - id: confirmed
    title: Does the client confirm it?
    phase: confirm
    uses: human.confirm
    needs: [first_notice]
    with: {question: "Does the client confirm it?", about: [somebody]}
"""

aws = pytest.fixture(scope="module")(stand_fixture)


@pytest.fixture(scope="module")
def account(aws: AwsStand) -> Account:
    made = aws.new_account()
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    made.client("guardduty").create_detector(Enable=True)
    aws.gaps.detections[made.id, REGIONS[0]].append(
        {
            "accountId": made.id,
            "id": "leaked",
            "type": "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom",
            "title": "A key is used from elsewhere",
            "severity": 8.0,
            "createdAt": at.isoformat(),
            "updatedAt": at.isoformat(),
            "resource": {"accessKeyDetails": {"accessKeyId": "AKIALEAKED", "userName": "ci"}},
            "service": {"archived": False, "eventFirstSeen": at.isoformat()},
        }
    )
    hub = made.client("securityhub")
    hub.enable_security_hub()
    when = f"{at:%Y-%m-%dT%H:%M:%S.000Z}"
    finding = {
        "SchemaVersion": "2018-10-08",
        "Id": "open-bucket",
        "ProductArn": f"arn:aws:securityhub:{REGIONS[0]}:{made.id}:product/{made.id}/default",
        "GeneratorId": "us",
        "AwsAccountId": made.id,
        "Types": ["Software and Configuration Checks"],
        "CreatedAt": when,
        "UpdatedAt": when,
        "Severity": {"Label": "HIGH"},
        "Title": "A bucket is open to everybody",
        "Description": "It is.",
        "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::acme-open"}],
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
    }
    assert hub.batch_import_findings(Findings=[finding])["FailedCount"] == 0
    return made


@pytest.fixture(scope="module")
def fetched(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """The service, whose client asks for alerts each minute, with a worker that dies when AWS is first asked for detections."""
    with Stand(tmp_path_factory.mktemp("fetched")) as stand:
        at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        list_alert(stand, "first", stand.victim, at)
        stand.lab.tenant.posture.incidents.append(
            {
                **{name: GRAPH[name] for name in ("severity", "tenantId", "createdDateTime")},
                "id": "4711",
                "displayName": "Mail is forwarded",
                "status": "active",
                "lastUpdateDateTime": f"{at.isoformat()[:19]}Z",
            }
        )
        with stand.opened() as installation:
            for name, value in (("access_key", HUB_KEY), ("secret_key", HUB_SECRET)):
                installation.vault.put("_msp", f"aws/{name}", value)
        secrets = {name: f"vault:_msp/aws/{name}" for name in ("access_key", "secret_key")}
        hub = {"vendor": "aws", "settings": {"endpoint_url": account.stand.base_url}, "secrets": secrets}
        changed(stand.home.estate, triage=TRIAGE, providers={"aws": hub})
        file = stand.home.tenants / f"{TENANT}.yaml"
        before = yaml.safe_load(file.read_text(encoding="utf-8"))
        changed(
            file,
            providers=before["providers"] | {"aws": {"vendor": "aws", "settings": account.settings()}},
            estate_handles={"aws": account.id},
            alert_pull={"every_minutes": 1},
            agreement=before["agreement"] | {"update_cadence_minutes": {"high": 1}},
        )
        (stand.home.runbooks / "open_incident.yaml").write_text(OPEN, encoding="utf-8")
        died: list[int] = []

        def watch(call: Call) -> None:
            worker = process(stand, "worker") if call.service == "guardduty" and not died else None
            if worker is not None:
                died.append(worker)
                os.kill(worker, signal.SIGKILL)

        account.stand.watch = watch
        stand.up()
        until(lambda: bool(died), stand.worker_log, seconds=240)
        yield stand


def changed(file: Path, **more: Any) -> None:
    found = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(yaml.safe_dump({**(found or {}), **more}), encoding="utf-8")


def list_alert(stand: Stand, name: str, account: str, at: datetime) -> None:
    """Have Defender list an alert."""
    raw = json.loads(json.dumps(GRAPH).replace("Dana@acme.example", account))
    stand.lab.tenant.posture.alerts.append({**raw, "id": name, "lastUpdateDateTime": f"{at.isoformat()[:19]}Z"})


def sources(stand: Stand) -> Counter[str]:
    """How many alerts came from where, once all were decided on."""
    store = AlertStore(stand.home.alerts_db)
    try:
        return Counter(one.source for one in store.alerts() if one.state != "accepted")
    finally:
        store.close()


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_each_alert_is_fetched_once_though_the_worker_died_while_it_was(fetched: Stand) -> None:
    here = {f"{TENANT}/m365": 2, f"{TENANT}/aws": 2}
    until(lambda: sources(fetched) == here, lambda: f"{sources(fetched)} {fetched.worker_log()}", seconds=240)
    store = AlertStore(fetched.home.alerts_db)
    try:
        until(lambda: all(Cursors(store).of(one) is not None for one in here), fetched.worker_log, seconds=120)
        before = {one: Cursors(store).of(one) for one in here}
        list_alert(fetched, "second", "lab.second@example.invalid", datetime.now(UTC))

        def again() -> bool:
            return sources(fetched) == {**here, f"{TENANT}/m365": 3}

        until(again, lambda: f"{sources(fetched)} {fetched.worker_log()}", seconds=240)
        until(lambda: Cursors(store).of(f"{TENANT}/m365") != before[f"{TENANT}/m365"], fetched.worker_log, seconds=60)
    finally:
        store.close()
    with fetched.opened() as installation:
        runs = [one for one in installation.journal.runs(TENANT) if one.runbook == RUNBOOK]
        first = installation.state(runs[-1].run_id)
        assert first.attempt >= 2, "it was carried on by another process"
        assert first.ended == "completed"


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_incidents_are_given_to_people_who_can_and_prefect_shows_the_queue(fetched: Stand) -> None:
    until(lambda: sum(sources(fetched).values()) >= 4, fetched.worker_log, seconds=240)
    store = AlertStore(fetched.home.alerts_db)
    try:
        until(lambda: all(one.person for one in store.incidents()), fetched.worker_log, seconds=60)
        given = {one.id: one.person for one in store.incidents()}
    finally:
        store.close()
    assert set(given.values()) == {labtenant.ENGINEER, labtenant.LEAD}, "in turn"
    with fetched.opened() as installation:
        told = [one.data for one in installation.journal.of(TENANT, "incident.assigned")]
    assert {one["incident"]: one["to"] for one in told} == given
    cloud = {one["to"] for one in told if one["why"] == "round robin among 1, who must have aws (rule cloud)"}
    assert cloud == {labtenant.ENGINEER}, "a leaked key is for who knows AWS"
    body = {"artifacts": {"key": {"any_": ["alert-queue"]}}, "sort": "CREATED_DESC", "limit": 1, "offset": 0}
    until(lambda: labtenant.LEAD in json.dumps(fetched.post("/artifacts/filter", body)), fetched.worker_log, seconds=60)


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_the_client_hears_how_an_incident_stands_as_agreed(fetched: Stand) -> None:
    run_id = fetched.begin("open_incident", {"tenant": TENANT})
    fetched.wait_for_event(run_id, "approval.requested", seconds=120)
    before = len(fetched.lab.sink.messages)
    assert before >= 1, "the first notice"

    def updates() -> list[str]:
        with fetched.opened() as installation:
            return [one.run_id for one in installation.journal.runs(TENANT) if one.runbook == STATUS]

    until(lambda: bool(updates()), fetched.worker_log, seconds=150)
    update = updates()[-1]
    fetched.wait_for_event(update, "run.ended", seconds=120)
    assert fetched.state(update).ended == "completed"
    assert len(fetched.lab.sink.messages) > before, "the update was sent"
    fetched.command("cancel", run_id)
