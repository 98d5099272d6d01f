from __future__ import annotations

from typing import Any

import pytest

from tests.integrations.lab.stand import Stand, error_code


def rules(stand: Stand) -> str:
    return f"users/{stand.finance}/mailFolders/inbox/messageRules"


async def test_hidden_rules_are_not_shown(stand: Stand) -> None:
    rows = await stand.every(rules(stand))
    assert [row["displayName"] for row in rows] == ["Supplier newsletters", "."]
    hidden = stand.artefacts["hidden_rule"]["graph_id"]
    assert (await stand.graph("GET", f"{rules(stand)}/{hidden}")).status_code == 404
    assert (await stand.graph("PATCH", f"{rules(stand)}/{hidden}", json={"isEnabled": False})).status_code == 404
    assert (await stand.graph("DELETE", f"{rules(stand)}/{hidden}")).status_code == 404


async def test_a_rule_names_its_folder_by_id(stand: Stand) -> None:
    rule = await stand.get(f"{rules(stand)}/{stand.artefacts['rule']['graph_id']}")
    folder = rule["actions"]["moveToFolder"]
    assert (await stand.get(f"users/{stand.finance}/mailFolders/{folder}"))["displayName"] == "RSS Feeds"
    assert rule["conditions"]["bodyOrSubjectContains"] == ["invoice", "payment", "bank details", "wire"]


async def test_a_rule_is_disabled_and_deleted(stand: Stand) -> None:
    path = f"{rules(stand)}/{stand.artefacts['rule']['graph_id']}"
    answer = await stand.graph("PATCH", path, json={"isEnabled": False})
    assert (answer.status_code, answer.json()["isEnabled"]) == (200, False)
    for body in ({}, {"enabled": False}, {"isEnabled": "no"}, {"sequence": True}):
        assert (await stand.graph("PATCH", path, json=body)).status_code == 400
    assert (await stand.graph("DELETE", path)).status_code == 204
    again = await stand.graph("DELETE", path)
    assert (again.status_code, error_code(again)) == (404, "ErrorItemNotFound")
    target = f"users/{stand.finance}/inboxRules/{stand.artefacts['rule']['identity']}"
    assert [(entry["method"], entry["target"]) for entry in stand.lab.audit] == [("PATCH", target), ("DELETE", target)]


async def test_rules_belong_to_the_inbox(stand: Stand) -> None:
    assert (await stand.graph("GET", rules(stand).replace("inbox", "archive"))).status_code == 400
    assert (await stand.graph("GET", rules(stand).replace("inbox", "nonsense"))).status_code == 400
    assert (
        await stand.graph("GET", rules(stand).replace(stand.finance, "nobody@contoso-lab.example"))
    ).status_code == 404


async def test_sent_messages_by_time(stand: Stand) -> None:
    began = stand.lab.scenario_info()["began_at"]
    path = f"users/{stand.finance}/mailFolders/sentitems/messages"
    query = {
        "$filter": f"sentDateTime ge {began}",
        "$select": "id,subject,toRecipients,internetMessageId",
        "$top": "10",
    }
    rows = await stand.every(path, params=query)
    sent = stand.artefacts["phishing"]
    phish = [row for row in rows if row["subject"] == sent["subject"]]
    assert {row["internetMessageId"] for row in phish} == {one["internet_message_id"] for one in sent["messages"]}
    assert await stand.every(path, params={"$filter": f"sentDateTime lt {began}", "$select": "id"}) != []
    assert set(rows[0]) == {"id", "subject", "toRecipients", "internetMessageId"}


async def test_newest_first_and_skipping(stand: Stand) -> None:
    path = f"users/{stand.finance}/messages"
    rows = await stand.every(f"{path}?$select=id,receivedDateTime")
    times = [row["receivedDateTime"] for row in rows]
    assert times == sorted(times, reverse=True)
    page = await stand.get(f"{path}?$select=id&$skip=3&$top=2")
    assert [row["id"] for row in page["value"]] == [row["id"] for row in rows[3:5]]
    assert len((await stand.get(path))["value"]) == 10


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("$orderby=subject", "ErrorInvalidUrlQuery"),
        ("$orderby=sentDateTime desc&$filter=isRead eq true", "InefficientFilter"),
        ("$filter=bodyPreview eq 'x'", "Request_UnsupportedQuery"),
        ("$select=sbject", "Request_BadRequest"),
        ("$top=1001", "Request_BadRequest"),
        ("$skip=-1", "Request_BadRequest"),
    ],
)
async def test_queries_that_are_refused(stand: Stand, query: str, code: str) -> None:
    answer = await stand.graph("GET", f"users/{stand.finance}/messages?{query}")
    assert (answer.status_code, error_code(answer)) == (400, code)


async def test_a_sent_message_reaches_the_sink_and_sent_items(stand: Stand) -> None:
    message = {
        "subject": "Update",
        "body": {"contentType": "text", "content": "We are on it."},
        "toRecipients": [{"emailAddress": {"address": "lead@client.example"}}],
        "internetMessageId": "<run-1@tenantry.example>",
    }
    path = f"users/{stand.assistant}"
    answer = await stand.graph("POST", f"{path}/sendMail", json={"message": message, "saveToSentItems": True})
    assert (answer.status_code, answer.content) == (202, b"")
    query = {"$filter": "internetMessageId eq '<run-1@tenantry.example>'"}
    found = await stand.every(f"{path}/mailFolders/sentitems/messages", params=query)
    assert [row["subject"] for row in found] == ["Update"]
    assert [(row["to"], row["text"]) for row in stand.lab.sink.messages] == [(["lead@client.example"], "We are on it.")]
    assert stand.lab.audit[0]["target"] == f"users/{stand.assistant}/messages/<run-1@tenantry.example>"
    body = {"Message": {**message, "internetMessageId": "<2@x>"}, "SaveToSentItems": False}
    await stand.graph("POST", f"{path}/sendMail", json=body)
    assert await stand.every(f"{path}/messages", params={"$filter": "internetMessageId eq '<2@x>'"}) == []


@pytest.mark.parametrize(
    "message",
    [
        {"subject": "no recipient"},
        {"toRecipients": [{"emailAddress": {"address": "not an address"}}]},
        {"toRecipients": [{"address": "a@b.example"}]},
        {"toRecipients": {"emailAddress": {"address": "a@b.example"}}},
        {"toRecipients": [{"emailAddress": {"address": "a@b.example"}}], "subjct": "x"},
        {"toRecipients": [{"emailAddress": {"address": "a@b.example"}}], "subject": 1},
    ],
)
async def test_messages_that_are_refused(stand: Stand, message: dict[str, Any]) -> None:
    answer = await stand.graph("POST", f"users/{stand.assistant}/sendMail", json={"message": message})
    assert answer.status_code == 400
    assert stand.lab.sink.messages == []


async def test_one_message(stand: Stand) -> None:
    rows = (await stand.get(f"users/{stand.finance}/messages?$top=1"))["value"]
    found = await stand.get(f"users/{stand.finance}/messages/{rows[0]['id']}")
    assert found["subject"] == rows[0]["subject"]
    assert "folder" not in found
    answer = await stand.graph("GET", f"users/{stand.assistant}/messages/{rows[0]['id']}")
    assert (answer.status_code, error_code(answer)) == (404, "ErrorItemNotFound")


async def test_what_a_message_says_takes_more_than_the_basic_permission(stand: Stand) -> None:
    path = f"users/{stand.finance}/messages?$select=subject,bodyPreview"
    whole = (await stand.graph("GET", path)).json()["value"]
    stand.lab.change_permissions(revoke=["Mail.Read", "Mail.ReadWrite"])
    basic = (await stand.graph("GET", path)).json()["value"]
    assert [row["subject"] for row in basic] == [row["subject"] for row in whole]
    assert {row["bodyPreview"] for row in basic} == {None}
    stand.lab.change_permissions(revoke=["Mail.ReadBasic.All"])
    assert (await stand.graph("GET", path)).status_code == 403
