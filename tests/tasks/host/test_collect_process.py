from __future__ import annotations

from tasks.host.collect_process import CollectProcess
from tests.support.fake_host import implant
from tests.support.fakes import FakeTenant
from tests.support.incident import read


async def test_program_and_map_are_kept():
    tenant = FakeTenant()
    found = await read(tenant, CollectProcess, host="web1", process=implant(tenant))
    assert found.process is not None
    folder = f"step/web1/process-{implant(tenant).replace(':', '-')}"
    assert tenant.evidence.stored[f"{folder}/executable"] == b"\x7fELF implant"
    assert tenant.evidence.stored[f"{folder}/maps"] == b"maps"
    assert tenant.writes == []


async def test_a_process_that_is_gone_is_said_to_be():
    found = await read(FakeTenant(), CollectProcess, host="web1", process="1:1")
    assert found.process is None
    assert found.images == []
