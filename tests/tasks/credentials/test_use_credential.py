from __future__ import annotations

import pytest

from tasks.credentials.use_credential import UseCredential
from tenantry.errors import NotVerified
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant
from tests.tasks.credentials.service import PROVIDER, credentials, made, used


def prepare(tenant: FakeTenant) -> dict[str, str]:
    made(tenant)
    return PROVIDER


class TestUseCredential(EffectContract):
    case = Case(task=UseCredential, prepare=prepare, writes=[("promote", "m365", 1)], undo_writes=None)


async def test_in_use_already():
    tenant = FakeTenant()
    used(tenant)
    assert (await drive(tenant, UseCredential(), PROVIDER)).outcome is Outcome.ALREADY


async def test_one_that_does_not_sign_in_is_not_taken_into_use():
    tenant = FakeTenant()
    made(tenant).refused.add("new-1")
    with pytest.raises(NotVerified):
        await drive(tenant, UseCredential(), PROVIDER)
    assert credentials(tenant).vault == ["old"]
