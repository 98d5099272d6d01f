from __future__ import annotations

from collections.abc import Sequence

from tasks.telephony.unassign_numbers import UnassignNumbers
from tenantry.capabilities import PhoneNumber
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant


class FakeTelephony:
    """Alice's two numbers."""

    def __init__(self, tenant: FakeTenant) -> None:
        self._tenant = tenant
        self.held = {
            "+12061234567": ("id-alice", "callingPlan", "primary", "place-1"),
            "+12061234568": ("id-alice", "directRouting", "private", None),
        }

    async def numbers(self, account_id: str) -> Sequence[PhoneNumber]:
        return [
            PhoneNumber(number=number, kind=kind, category=category, location=place, raw={})
            for number, (whose, kind, category, place) in self.held.items()
            if whose == account_id
        ]

    async def unassign(self, number: PhoneNumber) -> None:
        self.held[number.number] = ("", *self.held[number.number][1:])
        self._tenant.writes.append(("unassign", number.number, number.kind))

    async def assign(self, number: PhoneNumber, account_id: str) -> None:
        self.held[number.number] = (account_id, number.kind, number.category, number.location)
        self._tenant.writes.append(("assign", number.number, account_id))


def prepare(tenant: FakeTenant) -> dict[str, str]:
    tenant.more["telephony"] = FakeTelephony(tenant)
    return {"account": tenant.add_account("alice").upn}


class TestUnassignNumbers(EffectContract):
    case = Case(
        task=UnassignNumbers,
        prepare=prepare,
        writes=[("unassign", "+12061234567", "callingPlan"), ("unassign", "+12061234568", "directRouting")],
        undo_writes=[("assign", "+12061234567", "id-alice"), ("assign", "+12061234568", "id-alice")],
        seen=lambda tenant: dict(tenant.more["telephony"].held),
    )


async def test_who_has_no_number_loses_none():
    tenant = FakeTenant()
    prepare(tenant)
    done = await drive(tenant, UnassignNumbers(), {"account": tenant.add_account("bob").upn})
    assert (done.outcome, tenant.writes) == (Outcome.ALREADY, [])
