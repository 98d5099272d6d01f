from __future__ import annotations

from datetime import timedelta

from tasks.identity.collect_directory_events import MAX_EVENTS, CollectDirectoryEvents
from tests.support.fakes import NOW, FakeTenant
from tests.support.incident import event, read, story


async def test_events_oldest_first_and_rows_as_evidence():
    found = await read(story(), CollectDirectoryEvents, accounts=["id-alice"])
    assert [e.id for e in found.events] == ["e-consent", "e-method", "e-device", "e-own-method"]
    assert found.evidence[0].rows == found.total == 4


async def test_an_event_about_two_of_the_accounts_is_reported_once():
    tenant = FakeTenant()
    tenant.add_account("alice")
    tenant.add_account("bob")
    tenant.identity.event_list = [event("both", "Update user", NOW - timedelta(hours=1), "", "id-alice", "id-bob")]
    found = await read(tenant, CollectDirectoryEvents, accounts=["id-alice", "id-bob"])
    assert [e.id for e in found.events] == ["both"]


async def test_the_newest_are_kept_and_the_others_counted():
    tenant = FakeTenant()
    tenant.add_account("alice")
    tenant.identity.event_list = [
        event(f"e{n}", "Update user", NOW - timedelta(minutes=n), "", "id-alice") for n in range(MAX_EVENTS + 5)
    ]
    found = await read(tenant, CollectDirectoryEvents, accounts=["id-alice"])
    assert (len(found.events), found.events_omitted) == (MAX_EVENTS, 5)
    assert found.events[-1].id == "e0"
