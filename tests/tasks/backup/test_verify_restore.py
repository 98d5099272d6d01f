from __future__ import annotations

from typing import Any

import pytest

from tasks.backup.restore_point import RestorePoint
from tasks.backup.verify_restore import VerifyRestore
from tenantry.capabilities import Verification
from tenantry.errors import NotVerified
from tests.support.effects import drive
from tests.support.incident import read
from tests.support.ransom import RansomTenant
from tests.tasks.backup.test_restore_point import prepare


@pytest.mark.parametrize(
    ("state", "verified"), [("verified", True), ("unknown", False), ("differs", None), ("failed", None)]
)
async def test_as_far_as_the_vendor_tells(state: Any, verified: bool | None) -> None:
    tenant = RansomTenant()
    await drive(tenant, RestorePoint(), prepare(tenant))

    async def verify(_: str) -> Verification:
        return Verification(state=state, checked=3)

    tenant.more["backup"].verify = verify
    if verified is None:
        with pytest.raises(NotVerified):
            await read(tenant, VerifyRestore, **prepare(tenant))
    else:
        assert (await read(tenant, VerifyRestore, **prepare(tenant))).verified is verified


async def test_what_was_never_restored_is_not_verified() -> None:
    tenant = RansomTenant()
    with pytest.raises(NotVerified):
        await read(tenant, VerifyRestore, **prepare(tenant))
    assert not (await read(tenant, VerifyRestore, mode="plan", **prepare(tenant))).verified
