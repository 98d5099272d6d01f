from __future__ import annotations

import pytest

from tasks.cloud.block_public_access import BlockPublicAccess
from tests.support.cloud import CloudTenant, ContestedCloudEffect
from tests.support.effects import Case


def upset(tenant: CloudTenant) -> None:
    tenant.account.truth("account", "access").props["block_acls"] = False


class TestWholeAccount(ContestedCloudEffect):
    case = Case(
        task=BlockPublicAccess,
        prepare=lambda _: {},
        writes=[("set_public_access", "account/public_access", None)],
        undo_writes=[("set_public_access", "account/public_access", None)],
        seen=lambda tenant: tenant.seen("account", "access"),
        upsets=upset,
    )


class TestOneBucket(ContestedCloudEffect):
    @pytest.fixture
    def tenant(self) -> CloudTenant:
        tenant = CloudTenant()
        row = {"created": tenant.account.start, "versioned": True, "lock": False, "policy": None}
        tenant.account.add("buckets", "site", row)
        return tenant

    case = Case(
        task=BlockPublicAccess,
        prepare=lambda _: {"bucket": "site"},
        writes=[("set_public_access", "buckets/site/public_access", None)],
        undo_writes=[("set_public_access", "buckets/site/public_access", None)],
        upsets=lambda tenant: tenant.account.truth("buckets", "site").props.update(block_acls=False),
    )
