"""``telephony`` against the lab's Graph."""

from __future__ import annotations

import pytest

from tenantry.errors import PermissionMissing, Rejected
from tests.conformance.telephony import TelephonyConformance, TelephonyWorld
from tests.support.departing_person import telephone_number


class TestConformance(TelephonyConformance):
    @pytest.fixture
    async def world(self, stand) -> TelephonyWorld:
        tenant = stand.lab.tenant
        telephone_number(tenant, 3)
        return TelephonyWorld(
            provider=(await stand.open()).capability("telephony"),
            account_id=tenant.directory.id_of(3),
            other_id=tenant.directory.id_of(4),
            writes=lambda: len(stand.lab.audit),
        )


async def test_a_number_that_active_directory_gives_is_refused(stand) -> None:
    tenant = stand.lab.tenant
    telephone_number(tenant, 3, numberSource="onPremises")
    telephony = (await stand.open()).capability("telephony")
    [one] = await telephony.numbers(tenant.directory.id_of(3))
    with pytest.raises(Rejected):
        await telephony.unassign(one)


async def test_what_is_not_granted_is_said(stand) -> None:
    telephony = (await stand.open()).capability("telephony")
    stand.lab.change_permissions(revoke=["TeamsTelephoneNumber.ReadWrite.All", "TeamsTelephoneNumber.Read.All"])
    with pytest.raises(PermissionMissing):
        await telephony.numbers(stand.lab.tenant.directory.id_of(3))
