from __future__ import annotations

from typing import Any

import pytest

from tests.integrations.lab.stand import Stand, error_code

PASSWORD = "Correct-Horse-7"


async def test_only_default_properties_unless_others_are_selected(stand: Stand) -> None:
    user = await stand.get(f"users/{stand.finance}")
    assert set(user) - {"@odata.context"} == {
        "businessPhones",
        "displayName",
        "givenName",
        "id",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
    }
    chosen = await stand.get(f"users/{user['id']}?$select=accountEnabled,onPremisesSyncEnabled,aboutMe")
    assert {name: chosen[name] for name in ("accountEnabled", "onPremisesSyncEnabled", "aboutMe", "id")} == {
        "accountEnabled": True,
        "onPremisesSyncEnabled": None,
        "aboutMe": None,
        "id": user["id"],
    }


async def test_users_that_do_not_exist(stand: Stand) -> None:
    for key in ("nobody@contoso-lab.example", "00000000-0000-4000-8000-000000000000", "x"):
        answer = await stand.graph("GET", f"users/{key}")
        assert (answer.status_code, error_code(answer)) == (404, "Request_ResourceNotFound")


async def test_pages_hold_everybody_once(stand: Stand) -> None:
    page = await stand.get("users?$select=id")
    assert len(page["value"]) == 100
    rows = await stand.every("users?$select=id&$top=70")
    assert len(rows) == len({row["id"] for row in rows}) == 300
    assert len(await stand.every("users?$select=id&$filter=accountEnabled eq true&$top=7")) == 300


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("$top=1000", "Request_BadRequest"),
        ("$top=0", "Request_BadRequest"),
        ("$top=x", "Request_BadRequest"),
        ("$select=acountEnabled", "Request_BadRequest"),
        ("$filter=userPrincipalName", "Request_BadRequest"),
        ("$filter=nonsense eq 'x'", "Request_BadRequest"),
        ("$filter=aboutMe eq 'x'", "Request_UnsupportedQuery"),
        ("$filter=endswith(userPrincipalName,'x')", "Request_UnsupportedQuery"),
        ("$filter=accountEnabled ne true&$count=true", "Request_UnsupportedQuery"),
        ("$count=true", "Request_UnsupportedQuery"),
        ("$skip=5", "Request_BadRequest"),
        ("$skiptoken=abc", "Directory_ExpiredPageToken"),
        ("$unknown=1", "Request_BadRequest"),
    ],
)
async def test_queries_that_are_refused(stand: Stand, query: str, code: str) -> None:
    answer = await stand.graph("GET", f"users?{query}")
    assert (answer.status_code, error_code(answer)) == (400, code)


async def test_filters(stand: Stand) -> None:
    me = await stand.get(f"users/{stand.finance}")
    for text in (f"userPrincipalName eq '{stand.finance.upper()}'", f"id eq '{me['id']}'", f"id in ('{me['id']}')"):
        assert [row["id"] for row in await stand.every("users", params={"$filter": text})] == [me["id"]]
    prefix = stand.finance[:4]
    rows = await stand.every("users", params={"$filter": f"startswith(userPrincipalName,'{prefix}')"})
    assert stand.finance in [row["userPrincipalName"] for row in rows]
    assert all(row["userPrincipalName"].startswith(prefix) for row in rows)
    assert await stand.every("users?$filter=userPrincipalName eq 'nobody@contoso-lab.example'") == []
    both = f"id eq '{me['id']}' and accountEnabled eq false"
    assert await stand.every("users", params={"$filter": both}) == []
    synced = await stand.every("users?$filter=onPremisesSyncEnabled eq true")
    assert [row["userPrincipalName"] for row in synced] == [stand.synced]


async def test_advanced_queries_need_the_header(stand: Stand) -> None:
    headers = {"ConsistencyLevel": "eventual"}
    page = await stand.get("users?$count=true&$filter=accountEnabled ne true", headers=headers)
    assert (page["@odata.count"], page["value"]) == (0, [])
    page = await stand.get("users?$count=true&$top=3", headers=headers)
    assert (page["@odata.count"], len(page["value"])) == (300, 3)


async def test_a_skip_token_is_good_for_its_query_only(stand: Stand) -> None:
    link = (await stand.get("users?$filter=accountEnabled eq true&$top=5"))["@odata.nextLink"]
    assert (await stand.graph("GET", link)).status_code == 200
    answer = await stand.graph("GET", link.replace("true", "false", 1))
    assert (answer.status_code, error_code(answer)) == (400, "Directory_ExpiredPageToken")


async def test_disabling_and_enabling(stand: Stand) -> None:
    path = f"users/{stand.finance}"
    for wanted in (False, True):
        assert (await stand.graph("PATCH", path, json={"accountEnabled": wanted})).status_code == 204
        assert (await stand.get(f"{path}?$select=accountEnabled"))["accountEnabled"] is wanted
    assert [entry["target"] for entry in stand.lab.audit] == [f"users/{stand.finance}"] * 2


async def test_a_new_password_moves_the_times_and_is_kept_nowhere(stand: Stand) -> None:
    path = f"users/{stand.finance}?$select=lastPasswordChangeDateTime,signInSessionsValidFromDateTime"
    before = await stand.get(path)
    profile = {"password": PASSWORD, "forceChangePasswordNextSignIn": True}
    answer = await stand.graph("PATCH", f"users/{stand.finance}", json={"passwordProfile": profile})
    assert answer.status_code == 204
    after = await stand.get(path)
    assert after["lastPasswordChangeDateTime"] == "2026-11-21T09:30:00Z" != before["lastPasswordChangeDateTime"]
    assert after["signInSessionsValidFromDateTime"] == "2026-11-21T09:30:00Z"
    assert PASSWORD not in str(stand.lab.audit)
    assert PASSWORD not in str(stand.lab.tenant.directory.peek(3).props)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"acountEnabled": False},
        {"accountEnabled": "false"},
        {"accountEnabled": 0},
        {"accountEnabled": None},
        {"id": "x"},
        {"displayName": ""},
        {"passwordProfile": {"password": "short"}},
        {"passwordProfile": {"password": "alllowercaseletters"}},
        {"passwordProfile": {"forceChangePasswordNextSignIn": True}},
        {"passwordProfile": {"password": PASSWORD, "forceChange": True}},
        {"passwordProfile": {"password": PASSWORD, "forceChangePasswordNextSignIn": 1}},
        [],
    ],
)
async def test_changes_that_are_refused(stand: Stand, body: Any) -> None:
    answer = await stand.graph("PATCH", f"users/{stand.finance}", json=body)
    assert (answer.status_code, error_code(answer)) == (400, "Request_BadRequest")
    assert stand.lab.audit == []


async def test_a_body_must_be_json_and_say_so(stand: Stand) -> None:
    for more in ({"content": b"{"}, {"data": {"accountEnabled": "false"}}):
        answer = await stand.graph("PATCH", f"users/{stand.finance}", **more)
        assert answer.status_code == 400
    answer = await stand.graph(
        "PATCH", f"users/{stand.finance}", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400


async def test_a_synced_user_takes_no_password_without_writeback(stand: Stand) -> None:
    body = {"passwordProfile": {"password": PASSWORD}}
    assert (await stand.graph("PATCH", f"users/{stand.synced}", json=body)).status_code == 400
    assert (await stand.graph("PATCH", f"users/{stand.synced}", json={"displayName": "X"})).status_code == 400
    stand.lab.password_writeback = True
    assert (await stand.graph("PATCH", f"users/{stand.synced}", json=body)).status_code == 204
    assert (await stand.graph("PATCH", f"users/{stand.synced}", json={**body, "jobTitle": "X"})).status_code == 400


async def test_a_synced_user_is_enabled_again_by_the_next_sync(stand: Stand) -> None:
    path = f"users/{stand.synced}"
    assert (await stand.graph("PATCH", path, json={"accountEnabled": False})).status_code == 204
    assert (await stand.get(f"{path}?$select=accountEnabled"))["accountEnabled"] is False
    assert (await stand.http.post("/_lab/sync")).json() == {"reverted": [stand.synced]}
    assert (await stand.get(f"{path}?$select=accountEnabled"))["accountEnabled"] is True


async def test_revoking_sessions_moves_the_time(stand: Stand) -> None:
    answer = await stand.graph("POST", f"users/{stand.finance}/revokeSignInSessions")
    assert (answer.status_code, answer.json()["value"]) == (200, True)
    user = await stand.get(f"users/{stand.finance}?$select=signInSessionsValidFromDateTime")
    assert user["signInSessionsValidFromDateTime"] == "2026-11-21T09:30:00Z"
    assert stand.lab.audit[0]["method"] == "POST revokeSignInSessions"
    answer = await stand.graph("POST", f"users/{stand.finance}/revokeSignInSessions", json={"value": 1})
    assert answer.status_code == 400


async def test_membership_is_of_several_kinds(stand: Stand) -> None:
    rows = await stand.every(f"users/{stand.finance}/memberOf")
    assert [(row["@odata.type"], row["displayName"]) for row in rows] == [("#microsoft.graph.group", "Finance")]
    admin = stand.lab.scenario_info()["accounts"]["global_administrators"][1]
    rows = await stand.every(f"users/{admin}/transitiveMemberOf/microsoft.graph.directoryRole")
    assert [row["displayName"] for row in rows] == ["Global Administrator", "Exchange Administrator"]
    assert len(await stand.every(f"users/{admin}/memberOf")) == 3


async def test_a_property_may_have_a_permission_of_its_own(stand: Stand) -> None:
    path = f"users/{stand.finance}"
    stand.lab.change_permissions(revoke=["User.ReadWrite.All", "Directory.ReadWrite.All"])
    assert (await stand.graph("PATCH", path, json={"accountEnabled": False})).status_code == 204
    assert (await stand.graph("PATCH", path, json={"jobTitle": "x"})).status_code == 403
    stand.lab.change_permissions(revoke=["User.EnableDisableAccount.All"])
    assert (await stand.graph("PATCH", path, json={"accountEnabled": True})).status_code == 403
