"""An application that deletes itself with its last call, and a relationship that the partner ends."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.microsoft365.partner import Partner


@pytest.mark.parametrize("registered", [True, False])
async def test_its_last_call_deletes_it_and_nobody_signs_in_by_it(stand: Any, registered: bool) -> None:
    if registered:
        stand.lab.register_here()
    handle = await stand.open()
    assert await handle.can_depart()
    await handle.depart()
    last = stand.wire.requests[-1]
    kind = "applications" if registered else "servicePrincipals"
    assert (last.method, kind in last.url.path) == ("DELETE", True)
    assert [entry["method"] for entry in stand.lab.audit] == [last.method]
    again = await stand.open()
    found = await again.check()
    assert (found.signed_in, found.refused) == (False, True)


async def test_without_the_permission_the_administrator_does_it(stand: Any) -> None:
    stand.lab.change_permissions(revoke=["Application.ReadWrite.All", "Directory.ReadWrite.All"])
    handle = await stand.open()
    assert not await handle.can_depart()


@pytest.mark.parametrize("code", [700024, 53003])
async def test_what_says_nothing_of_us_refused_nothing(stand: Any, code: int) -> None:
    """This machine's clock, and a rule about where we sign in from."""
    import httpx

    def refusing(request: httpx.Request) -> httpx.Response | None:
        if "/oauth2/" not in request.url.path:
            return None
        return httpx.Response(401, json={"error": "invalid_client", "error_codes": [code]})

    stand.wire.instead = refusing
    handle = await stand.open()
    found = await handle.check()
    assert (found.signed_in, found.refused) == (False, False)


CUSTOMER = "5d2a9c1e-0000-4000-8000-00000000c0de"


async def test_the_partner_ends_what_is_in_force_and_nothing_of_another_customer(stand: Any) -> None:
    lab = stand.lab
    lab.change_permissions(grant=["DelegatedAdminRelationship.ReadWrite.All"])
    rows = [("a", CUSTOMER, "active"), ("b", CUSTOMER, "terminated"), ("c", CUSTOMER, "approvalPending")]
    rows.append(("d", CUSTOMER.replace("c0de", "beef"), "active"))
    lab.relationships.update(
        {
            id: {"id": id, "displayName": id, "status": status, "customer": {"tenantId": customer}, "accessDetails": {}}
            for id, customer, status in rows
        }
    )
    partner: Partner = (await stand.open()).partner
    assert {one.id: one.endable for one in await partner.standing(CUSTOMER.upper())} == {"a": True, "c": False}
    await partner.end(CUSTOMER)
    assert [one.status for one in await partner.standing(CUSTOMER)] == ["terminating", "approvalPending"]
    await partner.end(CUSTOMER)
    assert [one.id for one in await partner.standing(CUSTOMER)] == ["c"], "what waits for approval stands"
    assert len(lab.audit) == 1, "it is asked for once"
    assert lab.relationships["d"]["status"] == "active"
