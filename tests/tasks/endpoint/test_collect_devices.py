from __future__ import annotations

from tasks.endpoint.collect_devices import CollectDevices
from tests.support.fakes import FakeTenant
from tests.support.incident import read
from tests.tasks.endpoint.managed import managed, stocked


async def test_what_has_not_obeyed_is_told():
    tenant = FakeTenant()
    stocked(tenant, managed("d1"), managed("d2", state="wiping"), managed("d3", state="failed", last_seen=None))
    found = await read(tenant, CollectDevices, account="alice@acme.example")
    assert [(one.id, one.state) for one in found.devices] == [("d1", "managed"), ("d2", "wiping"), ("d3", "failed")]
    assert found.not_obeyed == [
        "LT-d2 (Windows): wiping, last seen 2026-11-20",
        "LT-d3 (Windows): failed, last seen never",
    ]
    assert tenant.evidence.rows("step/devices/id-alice.jsonl")[0] == {"id": "d1", "vendor": "as it came"}
