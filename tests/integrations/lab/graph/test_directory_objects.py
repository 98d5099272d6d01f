from __future__ import annotations

import pytest

from integrations.lab.state import ROLES
from tests.integrations.lab.stand import Stand, error_code

ASSIGNMENTS = "roleManagement/directory/roleAssignments"
ADMIN = ROLES["Global Administrator"]


async def test_role_ids_differ_from_their_templates(stand: Stand) -> None:
    roles = await stand.every("directoryRoles?$filter=displayName eq 'Global Administrator'")
    assert [role["roleTemplateId"] for role in roles] == [ADMIN]
    assert roles[0]["id"] != ADMIN
    members = await stand.every(f"directoryRoles/{roles[0]['id']}/members")
    assert {row["userPrincipalName"] for row in members} == set(
        stand.lab.scenario_info()["accounts"]["global_administrators"]
    )
    assert (await stand.graph("GET", f"directoryRoles/{ADMIN}")).status_code == 404
    definitions = await stand.every(
        "roleManagement/directory/roleDefinitions?$filter=displayName eq 'Global Administrator'"
    )
    assert [row["id"] for row in definitions] == [ADMIN]


async def test_assignments_by_principal_with_their_definitions(stand: Stand) -> None:
    admin = stand.lab.tenant.directory.id_of(1)
    rows = await stand.every(f"{ASSIGNMENTS}?$filter=principalId eq '{admin}'&$expand=roleDefinition")
    assert {row["roleDefinition"]["displayName"] for row in rows} == {"Global Administrator", "Exchange Administrator"}
    plain = await stand.get(f"{ASSIGNMENTS}/{rows[0]['id']}")
    assert "roleDefinition" not in plain
    answer = await stand.graph("GET", f"{ASSIGNMENTS}?$expand=roleDefinition,principal")
    assert answer.status_code == 400


async def test_a_role_is_given_and_taken(stand: Stand) -> None:
    user = await stand.get(f"users/{stand.finance}")
    body = {"principalId": user["id"], "roleDefinitionId": ROLES["User Administrator"], "directoryScopeId": "/"}
    made = await stand.graph("POST", ASSIGNMENTS, json=body)
    assert made.status_code == 201
    assert (await stand.graph("POST", ASSIGNMENTS, json=body)).status_code == 400
    path = f"{ASSIGNMENTS}/{made.json()['id']}"
    assert (await stand.graph("DELETE", path)).status_code == 204
    assert (await stand.graph("DELETE", path)).status_code == 404
    again = await stand.graph("POST", ASSIGNMENTS, json=body)
    assert again.json()["id"] != made.json()["id"]


@pytest.mark.parametrize(
    "change", [{"roleDefinitionId": "x"}, {"principalId": "x"}, {"directoryScopeId": None}, {"more": 1}]
)
async def test_assignments_that_are_refused(stand: Stand, change: dict[str, object]) -> None:
    user = await stand.get(f"users/{stand.finance}")
    body = {"principalId": user["id"], "roleDefinitionId": ADMIN, "directoryScopeId": "/", **change}
    assert (await stand.graph("POST", ASSIGNMENTS, json=body)).status_code in (400, 404)
    assert stand.lab.audit == []


async def test_the_last_global_administrator_stays(stand: Stand) -> None:
    rows = await stand.every(f"{ASSIGNMENTS}?$filter=roleDefinitionId eq '{ADMIN}'")
    codes = [(await stand.graph("DELETE", f"{ASSIGNMENTS}/{row['id']}")).status_code for row in rows]
    assert codes == [204, 204, 400]


async def test_devices(stand: Stand) -> None:
    key = stand.artefacts["device"]["device_id"]
    rows = await stand.every(f"users/{stand.finance}/registeredDevices")
    assert len(rows) == 2
    assert key in [row["id"] for row in rows]
    assert all(row["@odata.type"] == "#microsoft.graph.device" for row in rows)
    assert (await stand.graph("PATCH", f"devices/{key}", json={"accountEnabled": False})).status_code == 204
    assert (await stand.get(f"devices/{key}?$select=accountEnabled"))["accountEnabled"] is False
    assert (await stand.graph("DELETE", f"devices/{key}")).status_code == 204
    assert (await stand.graph("DELETE", f"devices/{key}")).status_code == 404
    assert key not in [row["id"] for row in await stand.every(f"users/{stand.finance}/ownedDevices")]
    assert [entry["target"] for entry in stand.lab.audit] == [f"devices/{key}"] * 2


async def test_any_users_device_is_found_by_its_id(stand: Stand) -> None:
    rows = await stand.every(f"users/{stand.lab.tenant.directory.upn_of(250)}/registeredDevices")
    key = rows[0]["id"]
    await stand.http.post("/_lab/reset")
    assert (await stand.get(f"devices/{key}"))["displayName"] == rows[0]["displayName"]
    assert (await stand.graph("GET", f"devices/{rows[0]['deviceId']}")).status_code == 404
    answer = await stand.graph("PATCH", f"devices/{key}", json={"displayName": "x"})
    assert (answer.status_code, error_code(answer)) == (400, "Request_BadRequest")


async def test_the_organization(stand: Stand) -> None:
    row = (await stand.every("organization"))[0]
    assert row["id"] == stand.lab.tenant_id
    assert row["onPremisesSyncEnabled"] is True
    assert [domain["id"] for domain in await stand.every("domains")] == [stand.lab.domain]
