from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tasks.logs.collect_audit import CollectAudit
from tenantry.errors import VendorFault
from tests.support.fakes import NOW
from tests.support.incident import BEGAN, EVIL, audit, read, story


async def test_telling_operations_record_by_record_the_others_counted():
    tenant = story()
    found = await read(tenant, CollectAudit, accounts=["id-alice"])
    assert found.complete
    assert found.total == 7
    assert [r.id for r in found.records] == ["a-rule", "a-hidden", "a-forward", "a-full", "a-send", "a-travel"]
    assert found.operations["MailItemsAccessed"] == 1
    assert found.operations_by_ip[EVIL]["MailItemsAccessed"] == 1
    assert found.evidence[0].rows == 7
    assert tenant.logs.searches == [("alice@acme.example",)]


async def test_out_of_patience_is_incomplete_with_what_there_was():
    tenant = story()
    tenant.logs.stall = asyncio.Event().wait
    found = await read(tenant, CollectAudit, accounts=["id-alice"], patience=0.01)
    assert not found.complete
    assert found.total == 1
    assert found.evidence[0].rows == 1


async def test_a_complete_earlier_answer_is_passed_on_without_another_search():
    tenant = story()
    first = await read(tenant, CollectAudit, accounts=["id-alice"])
    again = await read(tenant, CollectAudit, accounts=["id-alice"], earlier=first)
    assert again == first
    assert len(tenant.logs.searches) == 1


async def test_an_incomplete_earlier_answer_is_searched_again():
    tenant = story()
    first = (await read(tenant, CollectAudit, accounts=["id-alice"])).model_copy(update={"complete": False})
    again = await read(tenant, CollectAudit, accounts=["id-alice"], earlier=first)
    assert again.complete
    assert len(tenant.logs.searches) == 2


async def test_a_repeated_search_asks_for_the_same_time_span():
    """Else the vendor would be given a new search on every resume."""
    tenant = story()
    tenant.logs.record_list = [audit("late", "New-InboxRule", NOW + timedelta(seconds=5), EVIL, {})]
    tenant.clock.tick(3600)
    found = await read(tenant, CollectAudit, accounts=["id-alice"])
    assert (found.read_until, found.total) == (NOW, 0)


async def test_no_accounts_search_nothing():
    tenant = story()
    found = await read(tenant, CollectAudit, accounts=[])
    assert found.complete
    assert tenant.logs.searches == []


async def test_a_failing_search_is_an_error_not_an_incomplete_answer():
    tenant = story()

    async def fails():
        raise VendorFault("half a page")

    tenant.logs.stall = fails
    with pytest.raises(VendorFault):
        await read(tenant, CollectAudit, accounts=["id-alice"])


async def test_long_arguments_are_cut():
    tenant = story()
    tenant.logs.record_list = [audit("long", "New-InboxRule", BEGAN, EVIL, {"Name": "x" * 5_000})]
    found = await read(tenant, CollectAudit, accounts=["id-alice"])
    assert len(found.records[0].parameters["Name"]) == 500
