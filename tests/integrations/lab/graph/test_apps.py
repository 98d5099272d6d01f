from __future__ import annotations

from typing import Any

import pytest

from integrations.lab.state import GRAPH_APP_ID
from tests.integrations.lab.stand import Stand, error_code


async def test_the_malicious_application_is_not_verified(stand: Stand) -> None:
    app = await stand.get(f"servicePrincipals/{stand.artefacts['consent']['service_principal_id']}")
    assert app["verifiedPublisher"]["displayName"] is None
    legit = await stand.every("servicePrincipals?$filter=displayName eq 'Ledgerline Expenses'")
    assert legit[0]["verifiedPublisher"]["displayName"] == "Ledgerline Ltd"
    assert (await stand.graph("GET", f"servicePrincipals/{app['appId']}")).status_code == 404
    found = await stand.every(f"servicePrincipals?$filter=appId eq '{app['appId']}'&$select=id")
    assert found == [{"id": app["id"]}]


async def test_an_application_is_disabled(stand: Stand) -> None:
    path = f"servicePrincipals/{stand.artefacts['consent']['service_principal_id']}"
    assert (await stand.graph("PATCH", path, json={"accountEnabled": False})).status_code == 204
    assert (await stand.get(path))["accountEnabled"] is False
    for body in ({}, {"enabled": False}, {"accountEnabled": 0}):
        assert (await stand.graph("PATCH", path, json=body)).status_code == 400
    assert len(stand.lab.audit) == 1


async def test_consents_of_one_user_and_of_all(stand: Stand) -> None:
    mine = await stand.every(f"users/{stand.finance}/oauth2PermissionGrants")
    assert {row["consentType"] for row in mine} == {"Principal"}
    assert stand.artefacts["consent"]["grant_id"] in [row["id"] for row in mine]
    everyone = await stand.every("oauth2PermissionGrants?$filter=consentType eq 'AllPrincipals'")
    assert [row["principalId"] for row in everyone] == [None]
    assert len(await stand.every("oauth2PermissionGrants?$top=2")) == len(stand.lab.tenant.grants)


async def test_a_consent_is_withdrawn_and_given_again_with_a_new_id(stand: Stand) -> None:
    key = stand.artefacts["consent"]["grant_id"]
    old = await stand.get(f"oauth2PermissionGrants/{key}")
    body = {name: old[name] for name in ("clientId", "consentType", "principalId", "resourceId", "scope")}
    same = await stand.graph("POST", "oauth2PermissionGrants", json=body)
    assert (same.status_code, error_code(same)) == (409, "Request_MultipleObjectsWithSameKeyValue")
    assert (await stand.graph("DELETE", f"oauth2PermissionGrants/{key}")).status_code == 204
    assert (await stand.graph("DELETE", f"oauth2PermissionGrants/{key}")).status_code == 404
    made = await stand.graph("POST", "oauth2PermissionGrants", json=body)
    assert made.status_code == 201
    assert made.json()["id"] != key
    assert [entry["method"] for entry in stand.lab.audit] == ["DELETE", "POST"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"consentType": "Everyone"}, 400),
        ({"consentType": "AllPrincipals"}, 400),
        ({"principalId": None}, 400),
        ({"clientId": "x"}, 404),
        ({"principalId": "x"}, 404),
        ({"scopes": "x"}, 400),
    ],
)
async def test_consents_that_are_refused(stand: Stand, change: dict[str, Any], status: int) -> None:
    old = await stand.get(f"oauth2PermissionGrants/{stand.artefacts['consent']['grant_id']}")
    body = {name: old[name] for name in ("clientId", "consentType", "principalId", "resourceId", "scope")}
    answer = await stand.graph("POST", "oauth2PermissionGrants", json={**body, **change})
    assert answer.status_code == status


async def test_application_roles_of_a_user(stand: Stand) -> None:
    found = stand.artefacts["consent"]
    path = f"users/{stand.finance}/appRoleAssignments"
    rows = await stand.every(path)
    bad = next(row for row in rows if row["id"] == found["app_role_assignment_id"])
    assert bad["resourceId"] == found["service_principal_id"]
    assert (await stand.graph("DELETE", f"users/{stand.assistant}/appRoleAssignments/{bad['id']}")).status_code == 404
    assert (await stand.graph("DELETE", f"{path}/{bad['id']}")).status_code == 204
    assert await stand.every(f"servicePrincipals/{found['service_principal_id']}/appRoleAssignedTo") == []
    body = {name: bad[name] for name in ("principalId", "resourceId", "appRoleId")}
    made = await stand.graph("POST", path, json=body)
    assert (made.status_code, made.json()["id"] != bad["id"]) == (201, True)
    assert (await stand.graph("POST", path, json=body)).status_code == 400
    assert (await stand.graph("POST", f"users/{stand.assistant}/appRoleAssignments", json=body)).status_code == 400


async def test_our_own_permissions_can_be_read(stand: Stand) -> None:
    own = (await stand.every(f"servicePrincipals?$filter=appId eq '{stand.lab.client_id}'"))[0]
    graph = (await stand.every(f"servicePrincipals?$filter=appId eq '{GRAPH_APP_ID}'"))[0]
    names = {role["id"]: role["value"] for role in graph["appRoles"]}
    rows = await stand.every(f"servicePrincipals/{own['id']}/appRoleAssignments")
    assert {names.get(row["appRoleId"], "Exchange.ManageAsApp") for row in rows} == stand.lab.granted_roles | {
        "Exchange.ManageAsApp"
    }


async def test_only_own_registrations_are_applications(stand: Stand) -> None:
    assert await stand.every("applications") == []
