from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.cloud.read_principal import ReadPrincipal
from tests.support.cloud import CloudTenant
from tests.support.incident import read


async def test_a_user_with_all_that_it_has() -> None:
    tenant = CloudTenant()
    found = await read(tenant, ReadPrincipal, principal="user/dana.ops")
    assert (found.ref, found.login, found.groups) == ("user/dana.ops", True, ["group/operators"])
    assert [key.active for key in found.keys] == [True]
    assert len(found.mfa_devices) == 1
    assert found.reasons == []
    assert tenant.evidence.rows(found.evidence[0].name)
    assert tenant.writes == []


async def test_the_owner_of_a_key() -> None:
    tenant = CloudTenant()
    key = tenant.account.key("user/ci-deploy", "x")
    assert (await read(tenant, ReadPrincipal, key=key)).ref == "user/ci-deploy"


async def test_what_we_work_as_is_said() -> None:
    assert (await read(CloudTenant(), ReadPrincipal, principal="role/TenantryResponse")).reasons


@pytest.mark.parametrize("params", [{}, {"principal": "user/x", "key": "AKIA0000000000000000"}])
def test_one_of_the_two(params: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ReadPrincipal.Params.model_validate(params)
