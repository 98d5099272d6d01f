from __future__ import annotations

import pytest

from tasks.credentials.forget_candidate import ForgetCandidate
from tenantry.errors import Conflict
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant
from tests.tasks.credentials.service import PROVIDER, made, used


def prepare(tenant: FakeTenant) -> dict[str, str]:
    used(tenant)
    return PROVIDER


class TestForgetCandidate(EffectContract):
    case = Case(task=ForgetCandidate, prepare=prepare, writes=[("forget", "m365", None)], undo_writes=None)


async def test_one_that_lives_and_is_not_in_use_is_not_forgotten():
    tenant = FakeTenant()
    made(tenant)
    with pytest.raises(Conflict):
        await drive(tenant, ForgetCandidate(), PROVIDER)
