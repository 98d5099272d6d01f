from __future__ import annotations

from datetime import timedelta

from tasks.incident.combine_hosts import CombineHosts
from tests.support.fakes import FakeTenant
from tests.support.incident import read
from tests.tasks.incident.test_attribute_host_artifacts import attribute


async def test_by_kind_and_of_which_nothing_is_known() -> None:
    tenant = FakeTenant()
    one = await attribute(tenant)
    other = one.model_copy(update={"host": "web2", "window_start": None})
    assert one.window_start is not None
    since = one.window_start + timedelta(hours=1)
    found = await read(
        tenant,
        CombineHosts,
        named=["web1", "db1", "web2", "db1"],
        artifacts=[one.model_dump(), other.model_dump()],
        since=since,
    )
    assert found.unread == ["db1"]
    windows = {window.host: (window.since, window.changed_since) for window in found.hosts}
    assert windows == {"web1": (one.window_start, one.window_start), "web2": (since, since)}
    assert len(found.processes) == 2 * len(one.processes) > 0
    assert found.attacker_ips == sorted(one.attacker_ips)
    assert any(limit.startswith("web2: ") for limit in found.limits)


async def test_it_goes_back_to_before_both_and_touches_what_came_after_the_first_sign() -> None:
    tenant = FakeTenant()
    one = await attribute(tenant)
    assert one.window_start is not None
    fine = one.window_start - timedelta(hours=10)
    (window,) = (await read(tenant, CombineHosts, named=[], artifacts=[one.model_dump()], since=fine)).hosts
    assert (window.since, window.changed_since) == (fine, one.window_start)


async def test_of_no_hosts_nothing() -> None:
    found = await read(FakeTenant(), CombineHosts, named=[], artifacts=[])
    assert (found.hosts, found.unread) == ([], [])
