"""``drives`` against the lab's Graph."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.microsoft365.drives import Microsoft365Drives, _holder, _share
from tenantry.capabilities import DriveItem
from tenantry.errors import PermissionMissing, Rejected
from tests.conformance.drives import DrivesConformance, DrivesWorld
from tests.support.departing_person import link_in_a_folder


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


async def test_a_link_deep_in_a_folder_is_found_and_what_is_inherited_is_the_folders(stand) -> None:
    drives: Microsoft365Drives = (await stand.open()).capability("drives")
    directory = stand.lab.tenant.directory
    offer = link_in_a_folder(stand.lab.tenant, 3)
    documents = next(one for one in await drives.items(directory.upn_of(3)) if one.name == "Documents")
    await drives.share(documents, directory.id_of(4), "write")
    found = {one.path: one for one in await drives.shares(directory.upn_of(3))}
    assert list(found) == ["Documents", "Documents/offer.docx"]
    share = found["Documents/offer.docx"]
    assert (share.link, share.to, share.grant.roles) == ("anonymous", (), ("read",))
    with pytest.raises(Rejected):  # the folder's own is not taken back on the file
        await drives.unshare(share.item, found["Documents"].grant)
    for one in found.values():
        await drives.unshare(one.item, one.grant)
    assert list(await drives.shares(directory.upn_of(3))) == []
    assert [row["roles"] for row in offer.props["permissions"]] == [["owner"]]


@pytest.mark.parametrize(
    ("row", "link", "to"),
    [
        ({"grantedToV2": {"group": {"email": "g@acme.example", "id": "1"}}}, "", ("g@acme.example",)),
        ({"grantedToV2": {"siteGroup": {"displayName": "Visitors"}}}, "", ("Visitors",)),
        ({"grantedTo": {"user": {"id": "old"}}}, "", ("old",)),
        ({"link": {"scope": "users"}, "grantedToIdentitiesV2": [{"user": {"email": "b"}}]}, "users", ("b",)),
        ({"link": {}}, "anonymous", ()),  # not told how far it reaches: as far as a link can
        ({}, "", ()),
    ],
)
def test_how_far_a_permission_reaches(row: dict[str, Any], link: str, to: tuple[str, ...]) -> None:
    share = _share(DriveItem(id="i", drive="d", name="n", raw={}), "n", {"id": "p", "roles": ["write"], **row})
    assert (share.link, share.to) == (link, to)


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
