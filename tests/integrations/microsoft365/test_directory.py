from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from integrations.lab.clock import parse_iso
from integrations.lab.scenarios.breached import ATTACKERS_TENANT, GUEST_MEMBER, NEW_ADMIN
from integrations.lab.scenarios.clean import ACTIVATES, GUEST
from integrations.lab.scenarios.stage import FINANCE
from tenantry.capabilities import RoleHolding
from tenantry.errors import PermissionMissing
from tests.conformance.directory import DirectoryConformance, DirectoryWorld
from tests.integrations.microsoft365.conftest import Stand, check_contract, lab_stand


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    found = lab_stand("breached", users=30)
    yield found
    for handle in found.handles:
        await handle.aclose()
    check_contract(found.wire.requests)


@pytest.fixture
async def world(stand: Stand) -> DirectoryWorld:
    tenant, story = stand.lab.tenant, stand.story["artefacts"]
    upn = tenant.directory.upn_of
    [given] = [row["startDateTime"] for row in tenant.posture.role_instances.values() if len(row) == 1][:1]
    return DirectoryWorld(
        provider=(await stand.open()).capability("directory"),
        administrator=upn(NEW_ADMIN),
        given_at=parse_iso(given),
        application="Sync Helper",
        activator=upn(ACTIVATES),
        weak_policy="Second factor for administrators",
        trusted="Branch",
        federated="contoso-mail.example",
        hidden_unit="Services",
        device=story["device"]["device_id"],
        guest=upn(GUEST).lower(),
        member=upn(GUEST_MEMBER).lower(),
        partner=ATTACKERS_TENANT,
        risky=tenant.directory.id_of(FINANCE),
        method=story["authenticator"]["method_id"],
        since=datetime.now(UTC) - timedelta(days=30),
        writes=lambda: len(stand.lab.audit),
    )


class TestDirectory(DirectoryConformance):
    pass


async def test_without_the_licence_roles_have_no_dates_and_there_are_no_risks(
    stand: Stand, world: DirectoryWorld
) -> None:
    stand.lab.tenant.posture.premium = False
    found = [one async for one in world.provider.role_holdings()]
    assert {one.dated for one in found} == {False}
    assert {one.how for one in found} == {"assigned"}
    with pytest.raises(PermissionMissing):
        _ = [one async for one in world.provider.risks(world.since)]


async def test_a_partner_that_administers_and_our_own_customers(stand: Stand, world: DirectoryWorld) -> None:
    mine, theirs = stand.lab.tenant_id, "99999999-0000-4000-8000-000000000001"
    for number, customer in enumerate((mine, theirs)):
        key = f"1111111{number}-0000-4000-8000-000000000001-22222222-0000-4000-8000-000000000002"
        stand.lab.relationships[key] = {
            "id": key,
            "displayName": f"Helpers {number}",
            "customer": {"tenantId": customer, "displayName": "Contoso"},
            "status": "active",
            "activatedDateTime": "2026-11-01T00:00:00Z",
        }
    found = [one async for one in world.provider.partners() if one.kind == "administers"]
    assert [(one.tenant_id, one.name, one.active) for one in found] == [
        ("22222222-0000-4000-8000-000000000002", "Helpers 0", True)
    ]


async def test_a_permission_that_is_missing_is_said_after_what_was_read(stand: Stand, world: DirectoryWorld) -> None:
    """Who may activate a role cannot be seen then: unlike without the licence, somebody may."""
    stand.wire.instead = lambda request: refused(request, "roleEligibilityScheduleInstances")
    found: list[RoleHolding] = []

    async def read() -> None:
        async for one in world.provider.role_holdings():
            found.append(one)  # what came before the error counts

    with pytest.raises(PermissionMissing, match="RoleEligibilitySchedule"):
        await read()
    assert world.administrator in {one.principal for one in found}


def refused(request: httpx.Request, what: str) -> httpx.Response | None:
    """403 for what a batch asks, and for it alone."""
    if what not in str(request.url) and what.encode() not in request.content:
        return None
    error = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}}
    if not request.url.path.endswith("/$batch"):
        return httpx.Response(403, json=error)
    responses = [
        {"id": one["id"], "status": 403, "body": error}
        if what in one["url"]
        else {"id": one["id"], "status": 200, "body": {"value": []}}
        for one in json.loads(request.content)["requests"]
    ]
    return httpx.Response(200, json={"responses": responses})
