from __future__ import annotations

import pytest

from tasks.cloud.keep_encryption_key import KeepEncryptionKey
from tests.support.cloud import CloudTenant
from tests.support.effects import Case, drive
from tests.support.ransom import RansomEffect, RansomTenant


def prepare(tenant: RansomTenant) -> dict[str, str]:
    return {"key": tenant.story["encryption_key"]["id"]}


def target() -> str:
    return f"kms/{RansomTenant().story['encryption_key']['id']}"


class TestKeepEncryptionKey(RansomEffect):
    case = Case(
        task=KeepEncryptionKey,
        prepare=prepare,
        writes=[("keep_encryption_key", target(), None), ("set_encryption_key_enabled", target(), None)],
        undo_writes=None,
    )


@pytest.mark.parametrize("state", ["enabled", "disabled"])
async def test_one_that_is_not_to_be_deleted_is_enabled_at_most(state: str) -> None:
    tenant = CloudTenant()
    (key,) = tenant.account.table("kms")
    key.props["state"] = state
    await drive(tenant, KeepEncryptionKey(), {"key": key.id})
    assert [what for what, *_ in tenant.writes] == ([] if state == "enabled" else ["set_encryption_key_enabled"])
