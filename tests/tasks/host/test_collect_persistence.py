from __future__ import annotations

from tasks.host.collect_persistence import CollectPersistence
from tests.support.fakes import FakeTenant
from tests.support.incident import read


async def test_what_could_let_somebody_in_or_start():
    tenant = FakeTenant()
    found = await read(tenant, CollectPersistence, host="web1")
    assert {account.id for account in found.accounts} == {"root", "responder", "deploy", "alice", "sysupd"}
    assert {unit.id for unit in found.units} == {"sys-healthd.service", "node-exporter.service"}
    assert len(found.keys) == 5
    assert len(found.cron) == 3
    assert found.packages == 2
    assert found.omitted == 0
    assert "ssh.service" in {row["id"] for row in tenant.evidence.rows("step/web1/units.jsonl")}
    assert "www-data" in {row["id"] for row in tenant.evidence.rows("step/web1/accounts.jsonl")}
    assert tenant.writes == []
