"""The delegated relationship of the MSP's people: listed, ended from the partner's own tenant, and read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from console import labtenant
from flows.assembly import Installation
from flows.offboarding_hand import TenantOffboarding
from integrations.lab import LabServer
from tenantry.home import Home
from tenantry.vault import MSP

GDAP, READ = "DelegatedAdminRelationship.ReadWrite.All", "DelegatedAdminRelationship.Read.All"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Installation]:
    lab = labtenant.lab_for("acme", scenario="quiet", users=20)
    partner = labtenant.lab_for("partner", scenario="quiet", users=20)
    with LabServer(lab) as client, LabServer(partner) as own, Installation.open(Home(tmp_path / "home")) as found:
        labtenant.register(found, "acme", client.base_url, lab)
        found.vault.put(MSP, "partner", SecretStr(partner.client_secret), kind="client_secret")
        settings = {"tenant_id": partner.tenant_id, "client_id": partner.client_id}
        settings |= {f"{name}_url": f"{own.base_url}/{name}" for name in ("login", "graph", "exchange")}
        block = {"vendor": "microsoft365", "settings": settings, "secrets": {"client_secret": f"vault:{MSP}/partner"}}
        found.home.estate.write_text(json.dumps({"providers": {"partner": block}}), encoding="utf-8")
        partner.change_permissions(grant=[GDAP])
        customer = {"tenantId": lab.tenant_id}
        row = {"id": "r", "displayName": "Tenantry acme", "status": "active", "customer": customer, "accessDetails": {}}
        partner.relationships["r"] = row
        found.partner_lab = partner  # type: ignore[attr-defined]  # of this test alone
        yield found


async def test_it_is_a_way_in_that_we_end_and_read_back(home: Installation) -> None:
    async with home.access("acme", "run") as context:
        desk = TenantOffboarding(home, context)
        [way] = [one for one in await desk.accesses() if one.provider == "partner"]
        assert way.by_itself
        assert way.what == ("delegated administration (GDAP) of our people: Tenantry acme, active",)
        assert (await desk.tried("partner")).alive == ("Tenantry acme (active)",)
        await desk.leave("partner")
        assert (await desk.tried("partner")).state == "works", "it is ending"
        assert (await desk.tried("partner")).state == "ended"


async def test_what_waits_for_approval_is_the_clients_to_refuse(home: Installation) -> None:
    home.partner_lab.relationships["r"]["status"] = "approvalPending"  # type: ignore[attr-defined]  # as above
    async with home.access("acme", "run") as context:
        [way] = [one for one in await TenantOffboarding(home, context).accesses() if one.provider == "partner"]
    assert not way.by_itself


async def test_a_partner_tenant_that_cannot_be_asked_is_unknown(home: Installation) -> None:
    home.partner_lab.change_permissions(revoke=[GDAP, READ])  # type: ignore[attr-defined]  # as above
    async with home.access("acme", "run") as context:
        desk = TenantOffboarding(home, context)
        [way] = [one for one in await desk.accesses() if one.provider == "partner"]
        assert "not known" in way.what[0]
        assert (await desk.tried("partner")).state == "unknown"
