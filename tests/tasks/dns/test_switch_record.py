from __future__ import annotations

import pytest

from tasks.dns.switch_record import SwitchRecord
from tenantry.capabilities.dns import RecordSet, Zone
from tenantry.errors import Conflict, TargetNotFound
from tests.support.fakes import FakeTenant

GIVEN = {"zone": "acme.example", "name": "www.acme.example", "values": ["192.0.2.20"], "ttl": 60}


class FakeDns:
    def __init__(self, writes, *records: RecordSet) -> None:
        self.held = {(one.name, one.type): one for one in records}
        self.writes = writes
        self.names = ["acme.example."]

    async def zones(self):
        for number, name in enumerate(self.names):
            yield Zone(id=f"Z{number}", name=name, private=False, raw={})

    async def record(self, zone, name, type, set_identifier=""):
        return self.held.get((name, type))

    async def set_record(self, zone, name, type, ttl, values):
        self.writes.append(("set", name, values))
        self.held[name, type] = RecordSet(name=name, type=type, ttl=ttl, values=values, raw={})
        return "change-1"

    async def put_back(self, zone, record):
        self.writes.append(("put_back", record.name, record.values))
        self.held[record.name, record.type] = record
        return "change-2"

    async def remove_record(self, zone, record):
        self.writes.append(("remove", record.name, None))
        self.held.pop((record.name, record.type), None)
        return "change-3"


def record(*values: str, alias: str = "", ttl: int | None = 300) -> RecordSet:
    return RecordSet(name="www.acme.example.", type="A", ttl=ttl, values=values, alias=alias, raw={"kept": True})


def case(*records: RecordSet):
    tenant = FakeTenant()
    tenant.more["dns"] = dns = FakeDns(tenant.writes, *records)
    task = SwitchRecord()
    return tenant, dns, task, tenant.context(task), task.Params.model_validate(GIVEN)


@pytest.mark.parametrize("before", [record("192.0.2.10"), record(alias="lb.example.", ttl=None), None])
async def test_plan_run_again_and_undo(before: RecordSet | None) -> None:
    tenant, dns, task, ctx, p = case(*([before] if before else []))
    changes = await task.check(ctx, p)
    assert tenant.writes == []
    await task.apply(ctx, p, changes)
    assert await task.check(ctx, p) == []
    assert dns.held["www.acme.example.", "A"].values == ("192.0.2.20",)
    await task.undo(ctx, p, changes)
    assert dns.held.get(("www.acme.example.", "A")) == before
    assert await task.verify_undone(ctx, p, changes)
    await task.undo(ctx, p, changes)  # repeatable


async def test_undo_stops_where_somebody_has_pointed_it_elsewhere() -> None:
    _, dns, task, ctx, p = case(record("192.0.2.10"))
    changes = await task.check(ctx, p)
    await task.apply(ctx, p, changes)
    dns.held["www.acme.example.", "A"] = record("192.0.2.99")
    with pytest.raises(Conflict):
        await task.undo(ctx, p, changes)


async def test_a_zone_that_is_not_one_is_refused() -> None:
    _, dns, task, ctx, p = case()
    dns.names = ["acme.example.", "acme.example."]
    with pytest.raises(TargetNotFound, match="2 zones"):
        await task.check(ctx, p)
    assert (await task.check(ctx, p.model_copy(update={"zone": "Z1"})))[0].path == "dns/Z1/www.acme.example./A"
