from __future__ import annotations

from tasks.cloud.remove_principal import RemovePrincipal
from tenantry.task import Impact, Outcome
from tests.support.cloud import CloudEffect, CloudTenant
from tests.support.effects import Case, drive


class TestRemovePrincipal(CloudEffect):
    case = Case(
        task=RemovePrincipal,
        prepare=lambda _: {"principal": "user/ci-deploy"},
        writes=[("remove_principal", "user/ci-deploy", None)],
        undo_writes=None,
        foothold=True,
    )


def test_it_always_takes_an_approval() -> None:
    assert RemovePrincipal.impact is Impact.IRREVERSIBLE


async def test_absent_is_already_removed() -> None:
    tenant = CloudTenant()
    assert (await drive(tenant, RemovePrincipal(), {"principal": "user/gone"})).outcome is Outcome.ALREADY
    assert (
        await RemovePrincipal().guard(tenant.context(RemovePrincipal()), RemovePrincipal.Params(principal="user/gone"))
        == []
    )
