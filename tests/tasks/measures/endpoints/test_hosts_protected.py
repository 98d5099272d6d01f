from __future__ import annotations

from tasks.measures.endpoints.hosts_protected import HostsProtected
from tests.tasks.measures.backups.test_hosts_covered import Host
from tests.tasks.measures.given import measured


async def test_it_is_asked_as_soon_as_there_are_any() -> None:
    found = await measured(HostsProtected(), host=Host("web", "db"))
    assert (found.status, found.looked_at) == ("for_person", 2)
    assert (await measured(HostsProtected(), host=Host())).status == "not_applicable"
