from __future__ import annotations

from tasks.identity.collect_directory_events import CollectDirectoryEvents
from tasks.identity.find_added_accounts import AddedAccounts, FindAddedAccounts
from tests.support.fakes import FakeTenant
from tests.support.incident import BEGAN, EVIL, OWN, event, read


async def added(*, ip: str, activity: str = "Add user", target: str = "id-mallory") -> AddedAccounts:
    tenant = FakeTenant()
    alice = tenant.add_account("alice")
    tenant.add_account("mallory")
    tenant.identity.event_list = [event("e-1", activity, BEGAN, ip, target)]
    events = await read(tenant, CollectDirectoryEvents, accounts=[alice.id])
    found = await read(
        tenant,
        FindAddedAccounts,
        events=events.model_dump(),
        actors=[alice.upn.upper()],
        attacker_ips=[EVIL],
        known_good_ips=[f"{OWN}/24"],
    )
    assert isinstance(found, AddedAccounts)
    assert tenant.writes == []
    return found


async def test_from_the_attackers_address_it_is_theirs() -> None:
    found = await added(ip=EVIL)
    assert [(one.upn, one.event_id) for one in found.accounts] == [("mallory@acme.example", "e-1")]
    assert found.for_person == found.kept == []


async def test_from_the_clients_address_it_is_the_owners() -> None:
    found = await added(ip=OWN)
    assert (found.accounts, found.kept) == ([], ["mallory@acme.example"])


async def test_from_anywhere_else_a_person_decides() -> None:
    found = await added(ip="100.64.9.9")
    assert (found.accounts, len(found.for_person)) == ([], 1)


async def test_what_is_gone_and_other_acts_are_left_out() -> None:
    for found in (await added(ip=EVIL, target="id-gone"), await added(ip=EVIL, activity="Update user")):
        assert found.accounts == found.for_person == []
