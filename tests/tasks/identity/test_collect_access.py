from __future__ import annotations

import pytest

from tasks.identity.collect_access import CollectAccess
from tenantry.errors import PermissionMissing
from tests.support.incident import read, story


async def test_methods_consents_and_devices_of_each_account():
    tenant = story()
    found = await read(tenant, CollectAccess, accounts=["id-alice", "bob@acme.example"])
    alice, bob = found.accounts
    assert [m.id for m in alice.methods] == ["password", "own-phone", "own-new", "evil-app"]
    assert [c.app_verified for c in alice.consents] == [True, False]
    assert [d.id for d in alice.devices] == ["own-laptop", "evil-pc"]
    assert (bob.methods, bob.consents, bob.devices) == ([], [], [])
    assert tenant.evidence.rows("step/access/id-alice/consents.jsonl")[1]["id"] == "evil-app-grant"
    assert len(found.evidence) == 6, "that there was nothing is evidence too"


async def test_a_grant_is_known_by_its_application_but_not_by_the_shared_resource_or_the_person():
    alice = (await read(story(), CollectAccess, accounts=["id-alice"])).accounts[0]
    assert set(alice.consents[1].known_as) == {"evil-app-grant", "client-evil-app-grant", "sp-evil"}


async def test_what_cannot_be_read_is_an_error_not_an_empty_list():
    tenant = story()

    async def refuses(user: str):
        raise PermissionMissing("not granted")

    tenant.identity.methods = refuses
    with pytest.raises(PermissionMissing):
        await read(tenant, CollectAccess, accounts=["id-alice"])
