"""Files of a real host out of a real restic repository: staged, compared, put in place, put back; and what an intruder could try meanwhile."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.linux.provider import PROVIDER
from tenantry.errors import TargetNotFound
from tests.conformance.host_backup import HostBackupConformance, HostBackupWorld, compared
from tests.support.hosts import HostNet, TestHost
from tests.support.tools import needs_program

ORIGINALS = {
    "/srv/data/odd $(id) name/two": b"two\n",
    "/srv/data/gone/file": b"precious\n",
    "/srv/data/own": b"as it was\n",
    "/srv/data/same": b"the same\n",
}
_SETUP = """
mkdir -p 'srv/data/odd $(id) name' srv/data/gone
echo two > 'srv/data/odd $(id) name/two'; echo precious > srv/data/gone/file
echo 'as it was' > srv/data/own; echo 'the same' > srv/data/same
chmod 640 srv/data/gone/file; chmod 750 srv/data/gone
printf '%s' c4nary-restic-password > run/pw
chroot . restic -r /srv/repo --no-cache --password-file /run/pw init >/dev/null
chroot . restic -r /srv/repo --no-cache --password-file /run/pw backup --quiet /srv/data
rm run/pw
"""
_INTRUDER = """
rm -rf /var/restore; mkdir -p '/srv/data/odd $(id) name'
printf 'the same\\n' > /srv/data/same; rm -rf /srv/data/gone
echo 'newer work' > /srv/data/own; sleep 1.2; date +%s > /run/since
head -c 20 /dev/urandom > '/srv/data/odd $(id) name/two'
"""


@pytest.fixture(scope="module")
def host(net: HostNet) -> TestHost:
    needs_program("restic")
    (made,) = net.add("files1", setup=_SETUP)
    return made


@pytest.fixture
async def backups(net: HostNet, host: TestHost) -> AsyncIterator[Any]:
    settings = net.settings("files1", "db1")
    settings["hosts"]["files1"]["backup"] = {"repository": "/srv/repo", "paths": ["/srv/data"]}
    handle = await PROVIDER.open(settings, net.secrets(restic_password=b"c4nary-restic-password"))
    yield handle.capability("host_backup")
    await handle.aclose()


@pytest.fixture
def since(host: TestHost) -> datetime:
    host.run(_INTRUDER)
    return datetime.fromtimestamp(int(host.run("cat /run/since")), UTC)


def content(host: TestHost, path: str) -> bytes | None:
    found = host.run(f"base64 -w0 '{path}' 2>/dev/null || echo -")
    return None if found.strip() == "-" else base64.b64decode(found)


class TestRestic(HostBackupConformance):
    @pytest.fixture
    async def world(self, backups: Any, host: TestHost, since: datetime) -> HostBackupWorld:
        (point,) = [one.id async for one in backups.points("files1")]

        async def read(path: str) -> bytes | None:
            return content(host, path)

        async def write(path: str, data: bytes) -> None:
            host.run(f"printf '%s' '{data.decode()}' > '{path}'")

        async def settled(token: str) -> None:
            for _ in range(300):
                job = await backups.staged("files1", point, token=token)
                if (job is None or job.done) and not await backups.placing("files1", point, token=token):
                    return
                await asyncio.sleep(0.1)
            raise AssertionError("it does not end")

        paths = list(ORIGINALS)
        return HostBackupWorld(
            provider=backups,
            host="files1",
            point=point,
            since=since,
            changed=paths[0],
            gone=paths[1],
            own=paths[2],
            same=paths[3],
            read=read,
            write=write,
            settled=settled,
            originals=ORIGINALS,
        )

    async def test_owner_and_permissions_come_back_and_nothing_of_ours_stays(
        self, world: HostBackupWorld, host: TestHost
    ) -> None:
        await self.restored(world)
        assert host.run("stat -c '%a' /srv/data/gone /srv/data/gone/file").split() == ["750", "640"]
        assert "tenantry" not in host.run("find /srv/data")
        assert "c4nary" not in host.run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || true")
        await world.provider.remove_staged(world.host, world.point, token="run-1")
        assert host.run("ls /var/restore") == ""

    async def test_nothing_is_written_through_a_link_that_an_intruder_left(
        self, world: HostBackupWorld, host: TestHost
    ) -> None:
        host.run("rm -rf '/srv/data/odd $(id) name'; mkdir -p /srv/else; ln -s /srv/else '/srv/data/odd $(id) name'")
        host.run("echo mine > /srv/else/two; ln -sf /etc/passwd /srv/data/same")
        before = host.run("sha256sum /etc/passwd")
        await self.restored(world)
        assert host.run("cat /srv/else/two").strip() == "mine", "not through a folder's link"
        assert host.run("sha256sum /etc/passwd") == before, "not through a file's link"
        assert content(host, "/srv/data/same") == b"the same\n", "the link itself was replaced"
        rows = await compared(world, "run-1")
        assert [path for path, row in rows.items() if row.due(world.since)] == [world.changed], "left, and said"
        await world.provider.remove_staged(world.host, world.point, token="run-1")
        host.run("rm -rf '/srv/data/odd $(id) name' /srv/else")

    async def restored(self, world: HostBackupWorld) -> None:
        await world.provider.stage(world.host, world.point, (), token="run-1")
        await self.finished(world, "run-1")
        await world.provider.put_in_place(world.host, world.point, world.since, token="run-1")
        await world.settled("run-1")


async def test_a_host_without_a_repository_has_no_points(backups: Any) -> None:
    with pytest.raises(TargetNotFound):
        await backups.stage("db1", f"files1:{'0' * 64}", (), token="x")
    with pytest.raises(TargetNotFound):
        await backups.staged("files1", f"db1:{'0' * 64}", token="x")
