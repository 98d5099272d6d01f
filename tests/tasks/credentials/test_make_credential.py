from __future__ import annotations

from tasks.credentials.make_credential import MakeCredential
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant
from tests.tasks.credentials.service import PROVIDER, credentials, made


def prepare(tenant: FakeTenant) -> dict[str, str]:
    credentials(tenant)
    return PROVIDER


class TestMakeCredential(EffectContract):
    case = Case(
        task=MakeCredential,
        prepare=prepare,
        writes=[("make", "m365", None)],
        undo_writes=[("discard", "m365", None)],
        seen=lambda tenant: (sorted(credentials(tenant).live), credentials(tenant).vault),
    )


async def test_what_an_earlier_run_made_is_taken():
    tenant = FakeTenant()
    made(tenant)
    assert (await drive(tenant, MakeCredential(), PROVIDER)).outcome is Outcome.ALREADY
    assert tenant.writes == []
