from __future__ import annotations

import pytest

from integrations.lab.cloud.account import ADMINISTRATOR
from tasks.cloud._guards import principal_guards
from tasks.cloud.deny_principal import DenyPrincipal
from tests.support.cloud import CloudTenant


async def reasons(tenant: CloudTenant, principal: str) -> list[str]:
    return await principal_guards(tenant.context(DenyPrincipal()), principal)


async def test_an_ordinary_principal_and_one_administrator_of_several() -> None:
    assert await reasons(CloudTenant(), "user/ci-deploy") == []
    assert await reasons(CloudTenant(), "user/dana.ops") == []


async def test_what_we_work_as() -> None:
    (reason,) = await reasons(CloudTenant(), "role/TenantryResponse")
    assert "works as" in reason


@pytest.mark.parametrize("root", ["root", "arn:aws:iam::123456789012:root"])
async def test_root(root: str) -> None:
    assert await reasons(CloudTenant(), root)


async def test_a_protected_name() -> None:
    tenant = CloudTenant()
    tenant.protected = {"dana.ops"}
    assert await reasons(tenant, "user/dana.ops")


async def test_the_last_administrator_besides_us() -> None:
    tenant = CloudTenant()
    kim = tenant.account.truth("principals", "user/kim.ops").props
    kim["groups"] = []
    (reason,) = await reasons(tenant, "user/dana.ops")
    assert "last administrator" in reason
    kim["attached"], kim["login"] = [ADMINISTRATOR], None
    assert await reasons(tenant, "user/dana.ops"), "one that nobody can sign in as is no way in"
