from __future__ import annotations

from tasks.cloud.deny_principal import DenyPrincipal
from tests.support.cloud import CloudEffect
from tests.support.effects import Case


class TestDenyPrincipal(CloudEffect):
    case = Case(
        task=DenyPrincipal,
        prepare=lambda _: {"principal": "user/ci-deploy"},
        writes=[("set_denied", "user/ci-deploy/policies/TenantryDenyAll", None)],
        undo_writes=[("set_denied", "user/ci-deploy/policies/TenantryDenyAll", None)],
        seen=lambda tenant: tenant.seen("principals", "user/ci-deploy")["inline"],
        foothold=True,
    )
