from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from integrations.lab.records import Record
from integrations.lab.scenarios.breached import GUEST_ADMIN
from tests.conformance.application_inventory import ApplicationInventoryConformance, InventoryWorld
from tests.integrations.microsoft365.conftest import Stand, check_contract, lab_stand


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    found = lab_stand("breached", users=30)
    yield found
    for handle in found.handles:
        await handle.aclose()
    check_contract(found.wire.requests)


@pytest.fixture
async def world(stand: Stand) -> InventoryWorld:
    tenant, story = stand.lab.tenant, stand.story["artefacts"]
    return InventoryWorld(
        provider=(await stand.open()).capability("application_inventory"),
        stranger=story["application"]["app_id"],
        permission="Application.ReadWrite.All",
        grant=story["grants"]["delegated"][0],
        own=tenant.dice.guid("payroll sync"),
        credential=story["planted"]["checks.applications.credential_new"] and _added(stand),
        federated=tenant.dice.guid("own application", "Portal"),
        issuer="https://idp.mailvault-collect.example",
        owner=tenant.directory.upn_of(GUEST_ADMIN).lower(),
        writes=lambda: len(stand.lab.audit),
    )


def _added(stand: Stand) -> str:
    """Id of the password that the attacker added."""
    tenant = stand.lab.tenant
    [payroll] = [row for row in tenant.applications if row.props["displayName"] == "Payroll Sync"]
    return str(payroll.props["passwordCredentials"][1]["keyId"])


class TestApplicationInventory(ApplicationInventoryConformance):
    pass


async def test_a_registration_without_a_principal_is_listed_too(stand: Stand, world: InventoryWorld) -> None:
    props = {
        "id": "0c1d2e3f-0000-4000-8000-000000000001",
        "appId": "0c1d2e3f-0000-4000-8000-000000000002",
        "createdDateTime": "2023-05-02T10:00:00Z",
        "displayName": "Lonely",
        "keyCredentials": [],
        "owners": (),
        "passwordCredentials": [],
    }
    stand.lab.tenant.applications.add(Record(props["id"], props))  # type: ignore[arg-type]  # an id is a text
    [found] = [one async for one in world.provider.applications() if one.application.name == "Lonely"]
    assert (found.application.own, found.application.enabled) == (True, False)
