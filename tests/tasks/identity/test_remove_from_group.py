from __future__ import annotations

import pytest

from tasks.identity.remove_from_group import RemoveFromGroup
from tenantry.errors import StepError
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant
from tests.tasks.identity.entitled import entitled


def prepare(tenant: FakeTenant) -> dict[str, str]:
    entitled(tenant)
    return {"account": "alice@acme.example", "group_id": "finance"}


class TestRemoveFromGroup(EffectContract):
    case = Case(
        task=RemoveFromGroup,
        prepare=prepare,
        writes=[("remove_membership", "id-alice/finance", None)],
        undo_writes=[("add_membership", "id-alice/finance", None)],
        seen=lambda tenant: sorted(tenant.more["entitlements"].groups),
    )


async def test_a_group_that_is_kept_elsewhere_never_counts_as_left() -> None:
    tenant = FakeTenant()
    params = prepare(tenant) | {"group_id": "everybody"}
    with pytest.raises(StepError, match="a rule decides"):
        await drive(tenant, RemoveFromGroup(), params)
    assert tenant.writes == []


async def test_a_privileged_account_is_asked_about() -> None:
    tenant = FakeTenant()
    params = prepare(tenant)
    tenant.give_role(tenant.identity.people["id-alice"], "Global Administrator")
    reasons = await RemoveFromGroup().guard(
        tenant.context(RemoveFromGroup()), RemoveFromGroup.Params.model_validate(params)
    )
    assert any("last way in" in reason for reason in reasons)
