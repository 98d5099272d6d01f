from __future__ import annotations

from typing import Any

import pytest

from integrations.lab.scenarios.bec import ATTACKER_IP, OTHER_ATTACKER_IP
from tests.integrations.lab.stand import Stand

QUERIES = "security/auditLog/queries"
SPAN = {"filterStartDateTime": "2026-11-19T00:00:00Z", "filterEndDateTime": "2026-11-21T09:30:00Z"}


async def test_sign_ins_newest_first_and_paged(stand: Stand) -> None:
    rows = await stand.every("auditLogs/signIns?$top=100")
    times = [row["createdDateTime"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert len({row["id"] for row in rows}) == len(rows) > 1500
    assert all(row["isInteractive"] for row in rows)
    assert "signInEventTypes" not in rows[0]


async def test_sign_ins_by_person_address_and_time(stand: Stand) -> None:
    began = stand.lab.scenario_info()["began_at"]
    text = f"userPrincipalName eq '{stand.finance}' and createdDateTime ge {began} and createdDateTime le 2026-11-21T09:30:00Z"
    rows = await stand.every("auditLogs/signIns", params={"$filter": text})
    assert {row["location"]["countryOrRegion"] for row in rows} == {"GB", "NL"}
    other = await stand.every("auditLogs/signIns", params={"$filter": f"ipAddress eq '{OTHER_ATTACKER_IP}'"})
    assert {row["userPrincipalName"] for row in other} == {stand.second}
    before = await stand.every(
        "auditLogs/signIns", params={"$filter": f"ipAddress eq '{ATTACKER_IP}' and createdDateTime lt {began}"}
    )
    assert before == []
    one = await stand.get(f"auditLogs/signIns/{rows[0]['id']}")
    assert one["id"] == rows[0]["id"]


async def test_non_interactive_sign_ins_are_in_beta(stand: Stand) -> None:
    text = f"signInEventTypes/any(t: t eq 'nonInteractiveUser') and ipAddress eq '{ATTACKER_IP}'"
    rows = await stand.every("auditLogs/signIns", params={"$filter": text}, version="beta")
    assert len(rows) == 6
    assert not any(row["isInteractive"] for row in rows)
    answer = await stand.graph("GET", "auditLogs/signIns", params={"$filter": text})
    assert answer.status_code == 400


async def test_log_queries_that_are_refused(stand: Stand) -> None:
    for query in ("$top=1001", "$orderby=createdDateTime asc", "$filter=userAgent eq 'x'", "$select=id", "$count=true"):
        assert (await stand.graph("GET", f"auditLogs/signIns?{query}")).status_code == 400


async def test_directory_audits_by_actor_and_target(stand: Stand) -> None:
    me = await stand.get(f"users/{stand.finance}")
    began = stand.lab.scenario_info()["began_at"]
    by_actor = await stand.every(
        "auditLogs/directoryAudits",
        params={"$filter": f"initiatedBy/user/id eq '{me['id']}' and activityDateTime ge {began}"},
    )
    assert {row["activityDisplayName"] for row in by_actor} == {
        "Consent to application",
        "Add app role assignment grant to user",
        "User registered security info",
        "Register device",
    }
    assert {row["initiatedBy"]["user"]["ipAddress"] for row in by_actor} == {ATTACKER_IP}
    by_target = await stand.every(
        "auditLogs/directoryAudits", params={"$filter": f"targetResources/any(t:t/id eq '{me['id']}')"}
    )
    assert {row["activityDisplayName"] for row in by_target} < {row["activityDisplayName"] for row in by_actor}


async def test_a_search_takes_its_time(stand: Stand) -> None:
    made = await stand.graph("POST", QUERIES, json={**SPAN, "userPrincipalNameFilters": [stand.finance]})
    assert (made.status_code, made.json()["status"]) == (201, "notStarted")
    path = f"{QUERIES}/{made.json()['id']}"
    assert await stand.every(f"{path}/records") == []
    statuses = [(await stand.get(path))["status"] for _ in range(2)]
    assert statuses == ["running", "succeeded"]
    rows = await stand.every(f"{path}/records?$top=7")
    assert {row["userPrincipalName"] for row in rows} == {stand.finance}
    assert len({row["id"] for row in rows}) == len(rows) > 7
    assert {"New-InboxRule", "UpdateInboxRules", "Set-Mailbox", "Consent to application."} <= {
        row["operation"] for row in rows
    }
    assert stand.lab.audit == []


@pytest.mark.parametrize(
    ("filters", "operations"),
    [
        ({"operationFilters": ["set-mailbox"]}, {"Set-Mailbox"}),
        ({"ipAddressFilters": [OTHER_ATTACKER_IP]}, {"New-InboxRule"}),
        ({"serviceFilters": ["AzureActiveDirectory"]}, {"Consent to application."}),
        ({"keywordFilter": "mailvault-collect"}, {"Set-Mailbox"}),
        ({"recordTypeFilters": ["ExchangeItem"]}, {"Send"}),
        ({"operationFilters": ["Nothing"]}, set()),
    ],
)
async def test_searches_narrow(stand: Stand, filters: dict[str, Any], operations: set[str]) -> None:
    stand.lab.audit_query_polls = 0
    made = await stand.graph("POST", QUERIES, json={**SPAN, **filters})
    rows = await stand.every(f"{QUERIES}/{made.json()['id']}/records")
    assert {row["operation"] for row in rows} == operations


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**SPAN, "serviceFilter": "Exchange"},
        {**SPAN, "operationFilters": "x"},
        {**SPAN, "operationFilters": [1]},
        {**SPAN, "filterStartDateTime": "yesterday"},
        {**SPAN, "filterStartDateTime": "2027-01-01T00:00:00Z"},
    ],
)
async def test_searches_that_are_refused(stand: Stand, body: dict[str, Any]) -> None:
    assert (await stand.graph("POST", QUERIES, json=body)).status_code == 400


async def test_unknown_searches(stand: Stand) -> None:
    assert (await stand.graph("GET", f"{QUERIES}/x")).status_code == 404
    await stand.graph("POST", QUERIES, json=SPAN)
    assert len(await stand.every(QUERIES)) == 1
