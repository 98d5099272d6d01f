from __future__ import annotations

from datetime import timedelta

from tasks.identity import _sign_ins
from tasks.identity.collect_sign_ins import CollectSignIns
from tests.support.fakes import NOW, FakeTenant, sign_in
from tests.support.incident import EVIL, read, story


async def test_rows_are_evidence_and_groups_are_the_output():
    tenant = story()
    found = await read(tenant, CollectSignIns, accounts=["id-alice"])
    assert found.total == 31
    assert [(g.ip, g.successes) for g in found.groups] == [("192.0.2.10", 28), (EVIL, 3)]
    assert [(ref.name, ref.rows) for ref in found.evidence] == [("step/sign-ins/id-alice.jsonl", 31)]


async def test_looks_back_as_far_as_asked_and_further_for_the_baseline():
    tenant = FakeTenant()
    alice = tenant.add_account("alice")
    tenant.identity.sign_in_list = [sign_in(alice, NOW - timedelta(days=d)) for d in (1, 9, 20, 29, 40)]
    assert (await read(tenant, CollectSignIns, accounts=["id-alice"])).total == 4
    tenant.evidence.stored.clear()
    since = NOW - timedelta(days=7)
    found = await read(tenant, CollectSignIns, accounts=["id-alice"], since=since, baseline_days=14)
    assert (found.total, found.since, found.read_from) == (3, since, since - timedelta(days=14))


async def test_no_accounts_read_nothing():
    tenant = story()
    found = await read(tenant, CollectSignIns, accounts=[])
    assert (found.total, found.groups, found.evidence) == (0, [], [])
    assert tenant.identity.sign_in_reads == []


async def test_more_groups_than_fit_are_counted():
    tenant = FakeTenant()
    alice = tenant.add_account("alice")
    many = _sign_ins.MAX_GROUPS + 7
    tenant.identity.sign_in_list = [
        sign_in(alice, NOW - timedelta(minutes=n), ip=f"10.{n // 250}.{n % 250}.1") for n in range(1, many + 1)
    ]
    found = await read(tenant, CollectSignIns, accounts=["id-alice"])
    assert (len(found.groups), found.groups_omitted) == (_sign_ins.MAX_GROUPS, 7)
    assert found.evidence[0].rows == many


async def test_long_logs_are_stored_in_pieces():
    tenant = FakeTenant()
    alice = tenant.add_account("alice")
    tenant.identity.sign_in_list = [sign_in(alice, NOW - timedelta(seconds=n), id=f"s{n}") for n in range(1, 5_003)]
    found = await read(tenant, CollectSignIns, accounts=["id-alice"])
    assert [(ref.name, ref.rows) for ref in found.evidence] == [
        ("step/sign-ins/id-alice.jsonl", 5_000),
        ("step/sign-ins/id-alice.2.jsonl", 2),
    ]
