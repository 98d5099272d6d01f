from __future__ import annotations

from tasks.cloud.combine_traces import CombineTraces
from tasks.cloud.trace_key import TraceKey
from tests.support.incident import read
from tests.support.ransom import RansomTenant


async def test_each_thing_once_and_what_was_named_among_them() -> None:
    tenant = RansomTenant()
    key = tenant.lab.scenario_info()["accounts"]["key"]
    trace = await read(tenant, TraceKey, key=key)
    other = trace.model_copy(update={"key": "AKIAOTHEROTHEROTHER0", "limits": ["another"]})
    found = await read(
        tenant,
        CombineTraces,
        traces=[trace.model_dump(), other.model_dump()],
        keys=[key, "AKIAUNTRACED00000000"],
        principals=["role/AccountAudit", "user/mallory"],
    )
    assert found.keys == [key, "AKIAUNTRACED00000000", *(one.ref for one in trace.keys if one.ref != key)]
    assert found.untraced == ["AKIAUNTRACED00000000"]
    assert sorted(found.principals) == ["role/AccountAudit", "user/mallory", "user/svc-backup-sync"]
    assert "user/mallory" in found.sessions
    assert len(found.trusts) == len(trace.trusts)
    assert found.instances == [one.ref for one in trace.instances]
    assert found.first == trace.first
    assert any("AKIAUNTRACED00000000 could not be read" in limit for limit in found.limits)
    assert "another" in found.limits


async def test_of_nothing_nothing() -> None:
    found = await read(RansomTenant(), CombineTraces, traces=[])
    assert (found.keys, found.principals, found.first) == ([], [], None)
