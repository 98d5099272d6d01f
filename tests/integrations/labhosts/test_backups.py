"""``host_backup`` on the lab's hosts, and what only the lab promises: audit, and a host that does not answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from integrations.lab import Lab
from integrations.lab.clock import utc_now
from integrations.lab.hosts.state import LabFile
from tenantry.errors import Unreachable
from tests.conformance.host_backup import HostBackupConformance, HostBackupWorld
from tests.integrations.labhosts.test_provider import open_lab


@pytest.fixture
def lab() -> Lab:
    return Lab("ransomware", users=20)


@pytest.fixture
async def handle(lab: Lab) -> AsyncIterator[Any]:
    opened = await open_lab(lab)
    yield opened
    await opened.aclose()


class TestLabHostBackups(HostBackupConformance):
    @pytest.fixture
    def world(self, lab: Lab, handle: Any) -> HostBackupWorld:
        story, web = lab.scenario_info()["artefacts"]["files"], lab.tenant.hosts["web1"]

        async def read(path: str) -> bytes | None:
            found = web.files.get(path)
            return None if found is None else found.content

        async def write(path: str, data: bytes) -> None:
            web.files[path] = LabFile(data, utc_now())

        async def settled(_: str) -> None:
            """At once."""

        gone, changed = story["damaged"]
        return HostBackupWorld(
            provider=handle.capability("host_backup"),
            host="web1",
            point=story["good"],
            since=lab.tenant.story.began_at,  # type: ignore[arg-type]  # this story has one
            changed=changed,
            gone=gone,
            own=story["own"][0],
            same="/srv/data/contracts/b.txt",
            read=read,
            write=write,
            settled=settled,
            originals=dict(web.points[story["good"]].files),
        )


async def test_writes_are_in_the_audit_once(lab: Lab, handle: Any) -> None:
    backups, story = handle.capability("host_backup"), lab.scenario_info()["artefacts"]["files"]
    for _ in range(2):
        await backups.stage("web1", story["good"], (), token="t")
        await backups.put_in_place("web1", story["good"], lab.tenant.story.began_at, token="t")
    target = f"web1/restores/{story['good']}"
    assert [(e["method"], e["target"]) for e in lab.audit] == [("stage", target), ("put_in_place", target)]


async def test_a_host_that_does_not_answer_says_so_at_once(handle: Any) -> None:
    with pytest.raises(Unreachable):
        [_ async for _ in handle.capability("host_backup").points("db1")]
    with pytest.raises(Unreachable):
        await handle.capability("host").isolate("db1", [])
    assert len(await handle.capability("host").hosts()) == 4
    assert not await handle.capability("host").reaches("web1", "db1")
