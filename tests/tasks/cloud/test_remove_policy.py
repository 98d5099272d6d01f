from __future__ import annotations

from typing import Any

import pytest

from integrations.lab.cloud.account import ADMINISTRATOR
from tasks.cloud.remove_policy import RemovePolicy
from tenantry.errors import Conflict
from tests.support.cloud import CloudEffect, CloudTenant
from tests.support.effects import Case, drive, undo

INLINE = {"Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]}


def attached(tenant: CloudTenant) -> dict[str, Any]:
    tenant.account.truth("principals", "user/ci-deploy").props["attached"] = [ADMINISTRATOR]
    return {"principal": "user/ci-deploy", "policy": ADMINISTRATOR}


def inline(tenant: CloudTenant) -> dict[str, Any]:
    tenant.account.truth("principals", "user/ci-deploy").props["inline"] = {"more": INLINE, "own": {"Statement": []}}
    return {"principal": "user/ci-deploy", "policy": "more"}


class TestDetached(CloudEffect):
    case = Case(
        task=RemovePolicy,
        prepare=attached,
        writes=[("detach_policy", f"user/ci-deploy/policies/{ADMINISTRATOR}", None)],
        undo_writes=[("attach_policy", f"user/ci-deploy/policies/{ADMINISTRATOR}", None)],
        seen=lambda tenant: tenant.seen("principals", "user/ci-deploy")["attached"],
        foothold=True,
    )


class TestInline(CloudEffect):
    case = Case(
        task=RemovePolicy,
        prepare=inline,
        writes=[("remove_policy", "user/ci-deploy/policies/more", None)],
        undo_writes=[("put_policy", "user/ci-deploy/policies/more", None)],
        seen=lambda tenant: tenant.seen("principals", "user/ci-deploy")["inline"],
        foothold=True,
    )


async def test_another_policy_of_that_name_is_left_alone() -> None:
    tenant = CloudTenant()
    params = inline(tenant)
    made = await drive(tenant, RemovePolicy(), params)
    await tenant.more["cloud_identity"].put_policy("user/ci-deploy", "more", {"Statement": []})
    with pytest.raises(Conflict):
        await undo(tenant, RemovePolicy(), params, made.changes)
