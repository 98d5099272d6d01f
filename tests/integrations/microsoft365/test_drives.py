"""``drives`` against the lab's Graph."""

from __future__ import annotations

import pytest

from integrations.microsoft365.drives import Microsoft365Drives, _holder
from tenantry.errors import PermissionMissing
from tests.conformance.drives import DrivesConformance, DrivesWorld


class TestConformance(DrivesConformance):
    @pytest.fixture
    async def world(self, stand) -> DrivesWorld:
        directory = stand.lab.tenant.directory
        directory.alter(5, assignedLicenses=[])
        return DrivesWorld(
            provider=(await stand.open()).capability("drives"),
            user=directory.upn_of(3),
            other_id=directory.id_of(4),
            without=directory.upn_of(5),
            writes=lambda: len(stand.lab.audit),
        )


async def test_the_owner_keeps_what_they_have(stand) -> None:
    drives: Microsoft365Drives = (await stand.open()).capability("drives")
    directory = stand.lab.tenant.directory
    one, *_ = await drives.items(directory.upn_of(3))
    await drives.share(one, directory.id_of(4), "write")
    own = await drives.grant(one, directory.id_of(3))
    assert own is not None
    assert own.roles == ("owner",)


async def test_what_is_not_granted_is_said(stand) -> None:
    drives: Microsoft365Drives = (await stand.open()).capability("drives")
    directory = stand.lab.tenant.directory
    one, *_ = await drives.items(directory.upn_of(3))
    stand.lab.change_permissions(revoke=["Files.ReadWrite.All", "Sites.ReadWrite.All"])
    with pytest.raises(PermissionMissing):
        await drives.share(one, directory.id_of(4), "write")


@pytest.mark.parametrize(
    ("row", "holder"),
    [
        ({"grantedToV2": {"user": {"id": "ABC"}}, "grantedTo": {"user": {"id": "old"}}}, "abc"),
        ({"grantedTo": {"user": {"id": "old"}}}, "old"),
        ({"grantedToV2": {"group": {"id": "g"}}}, ""),
        ({"link": {"scope": "anonymous"}}, ""),
    ],
)
def test_whose_a_permission_is(row: dict[str, object], holder: str) -> None:
    assert _holder(row) == holder
