"""restic on a real host, into a real repository: backed up, damaged, restored beside, compared by digest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from integrations.linux.backups import tag_of
from integrations.linux.provider import PROVIDER
from tenantry.capabilities import BackupJob, RestoreTarget
from tenantry.errors import OutOfScope, Rejected, VendorFault
from tests.conformance.backup import BackupConformance, BackupWorld
from tests.support.hosts import HostNet
from tests.support.tools import needs_program

PASSWORD = b"c4nary-restic-password"
_SETUP = """
mkdir -p srv/data 'srv/data/odd $(id) name'
echo precious > srv/data/file; echo two > 'srv/data/odd $(id) name/two'
printf '%s' c4nary-restic-password > run/pw
chroot . restic -r /srv/repo --no-cache --password-file /run/pw init >/dev/null
chroot . restic -r /srv/repo --no-cache --password-file /run/pw backup --quiet /srv/data
rm run/pw
"""


def backup_settings(net: HostNet) -> dict[str, Any]:
    needs_program("restic")
    if "saved" not in net.hosts:
        net.add("saved", setup=_SETUP)
    settings = net.settings("saved", "db1")
    settings["hosts"]["saved"]["backup"] = {"repository": "/srv/repo", "paths": ["/srv/data"]}
    return settings


@pytest.fixture
async def backups(net: HostNet) -> AsyncIterator[Any]:
    handle = await PROVIDER.open(backup_settings(net), net.secrets(restic_password=PASSWORD))
    yield handle.capability("backup")
    await handle.aclose()


async def finish(backups: Any, job: BackupJob) -> None:
    for _ in range(300):
        if (await backups.job(job.id)).done:
            return
        await asyncio.sleep(0.3)
    raise AssertionError("the job does not end")


class TestRestic(BackupConformance):
    @pytest.fixture
    async def world(self, backups: Any, request: pytest.FixtureRequest) -> BackupWorld:
        newest = [point async for point in backups.points("saved")][-1]
        return BackupWorld(
            provider=backups,
            source="saved",
            point=newest.id,
            target=RestoreTarget(name="conformance"),
            finish=lambda job: finish(backups, job),
        )


async def test_what_was_damaged_comes_back_as_it_was(backups: Any, net: HostNet) -> None:
    host = net.hosts["saved"]
    before = host.run("sha256sum /srv/data/file '/srv/data/odd $(id) name/two' | cut -c1-64").split()
    point = [one async for one in backups.points("saved")][-1]
    host.run("echo owned > /srv/data/file")
    job = await backups.restore(point.id, RestoreTarget(name="incident"), token="run-1/restore/saved")
    await finish(backups, job)
    done = await backups.job(job.id)
    assert done.state == "completed"
    restored = host.run(
        f"cd '{done.result}' && sha256sum srv/data/file 'srv/data/odd $(id) name/two' | cut -c1-64"
    ).split()
    assert restored == before
    assert host.run("cat /srv/data/file").strip() == "owned", "beside the original"
    found = await backups.verify(job.id)
    assert (found.state, found.checked) == ("verified", 2)
    host.run(f"rm '{done.result}/srv/data/file'; echo x > '{done.result}/more'")
    differs = await backups.verify(job.id)
    assert differs.state == "differs"
    assert len(differs.differences) == 2
    await backups.remove_restored(job.id)
    assert "incident" not in host.run("ls /var/restore")
    host.run("echo precious > /srv/data/file")


async def test_a_restore_that_has_made_no_folder_yet_is_found_again(backups: Any, net: HostNet) -> None:
    point = [one async for one in backups.points("saved")][-1]
    tag = tag_of("run-1/restore/slow")
    folder = f"/var/restore/slow.{point.id.partition(':')[2]}.{tag}"
    assert await backups.job_of("run-1/restore/slow") is None
    script = "'sleep 300; true'"
    net.hosts["saved"].run(f"setsid --fork sh -c {script} tenantry-restore-{tag} {folder} </dev/null >/dev/null 2>&1")
    for _ in range(50):  # a moment passes until it has its name
        if (found := await backups.job_of("run-1/restore/slow")) is not None:
            break
        await asyncio.sleep(0.1)
    assert found is not None
    assert (found.id, found.state) == (f"saved:restore:{point.id.partition(':')[2]}:{folder}", "running")
    net.hosts["saved"].run(f"pkill -f '[t]enantry-restore-{tag}'")


async def test_the_password_is_in_no_process_and_no_file(backups: Any, net: HostNet) -> None:
    host = net.hosts["saved"]
    job = await backups.back_up("saved", token="run-2/backup")
    seen = host.run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || true")
    assert "c4nary" not in seen
    await finish(backups, job)
    assert host.run("grep -rl c4nary ~/.cache/restic /tmp /var/restore /run 2>/dev/null || true") == ""


async def test_a_wrong_password_says_what_to_look_at(net: HostNet) -> None:
    handle = await PROVIDER.open(backup_settings(net), net.secrets(restic_password=b"wrong"))
    with pytest.raises(VendorFault) as fault:
        [_ async for _ in handle.capability("backup").points("saved")]
    assert "password" in fault.value.message
    await handle.aclose()


@pytest.mark.parametrize("wrong", ["../x", "/etc", "", "a b", "-x", "a;id"])
async def test_targets_are_plain_names(wrong: str, backups: Any) -> None:
    with pytest.raises((Rejected, ValueError)):
        await backups.restore(f"saved:{'0' * 64}", RestoreTarget(name=wrong), token="x")
    for job in ("saved:restore:x:/etc", "saved:restore:x:/var/restore/../../etc", "db1:restore:x:/var/restore/a", "x"):
        with pytest.raises(Rejected):
            await backups.remove_restored(job)


async def test_hosts_without_a_repository_offer_no_backup(handle: Any) -> None:
    with pytest.raises(OutOfScope):
        handle.capability("backup")
