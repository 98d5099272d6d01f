"""``workspace_backup`` against the lab's Graph."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from tasks.workspace.find_point import FindPoint
from tasks.workspace.restore_point import RestorePoint
from tenantry.errors import InDoubt, NotVerified, PermissionMissing, ProviderError, TargetNotFound
from tenantry.task import Outcome
from tests.conformance.workspace_backup import WorkspaceBackupConformance, WorkspaceBackupWorld
from tests.integrations.microsoft365.conftest import Stand
from tests.support.effects import drive
from tests.support.fakes import FakeTenant
from tests.support.incident import read

ROOT = "/solutions/backupRestore"


async def finish() -> None:
    await asyncio.sleep(0.1)  # as long as a restore takes in the lab


@pytest.fixture
async def world(stand: Stand) -> WorkspaceBackupWorld:
    provider = (await stand.open()).capability("workspace_backup")
    return WorkspaceBackupWorld(provider, f"mailbox/{stand.user}", finish)


async def newest(world: WorkspaceBackupWorld, source: str | None = None) -> str:
    async for point in world.provider.points(source or world.mailbox):
        return point.id
    raise AssertionError("there is none")


class TestWorkspaceBackup(WorkspaceBackupConformance):
    @pytest.mark.parametrize("kind", ["mailbox", "drive", "site"])
    async def test_each_kind_comes_back(self, world: WorkspaceBackupWorld, stand: Stand, kind: str) -> None:
        source = f"{kind}/{stand.user}"
        if kind == "site":
            (unit,) = stand.lab.tenant.protection.units("site")
            source = f"site/{unit['siteWebUrl']}"
        point = await newest(world, source)
        await world.provider.restore(point, token="t")
        await finish()
        done = await world.provider.restored(point, token="t")
        assert done is not None
        assert done.state == "completed"

    @pytest.mark.parametrize("lost", ["BulkAdditionRequests", "activate"])
    async def test_an_answer_that_never_came_begins_nothing_twice(
        self, world: WorkspaceBackupWorld, stand: Stand, lost: str
    ) -> None:
        point = await newest(world)
        cut: list[str] = []

        def after(request: httpx.Request, _: httpx.Response) -> httpx.Response | Exception | None:
            if request.method == "POST" and request.url.path.endswith(lost) and not cut:
                cut.append(lost)
                return httpx.ReadError("gone", request=request)
            return None

        stand.wire.after = after
        with pytest.raises(InDoubt):
            await world.provider.restore(point, token="t")
        assert cut
        await world.provider.restore(point, token="t")
        await finish()
        done = await world.provider.restored(point, token="t")
        assert done is not None
        assert done.state == "completed"
        assert len(stand.lab.tenant.protection.sessions["mailbox"]) == 1

    async def test_another_point_than_was_meant_is_a_failure(self, world: WorkspaceBackupWorld, stand: Stand) -> None:
        point = await newest(world)
        await world.provider.restore(point, token="t")
        await finish()

        def other(request: httpx.Request) -> httpx.Response | None:
            if not request.url.path.endswith("RestoreArtifacts"):
                return None
            row = {"id": "a", "status": "succeeded", "restoredFolderName": "x", "restorePoint": {"id": "another"}}
            return httpx.Response(200, json={"value": [row]})

        stand.wire.instead = other
        done = await world.provider.restored(point, token="t")
        assert done is not None
        assert (done.state, done.result) == ("failed", None)
        assert "another recovery point" in done.message

    @pytest.mark.parametrize("status", ["completedWithError", "failed"])
    async def test_a_session_that_went_wrong_says_so(
        self, world: WorkspaceBackupWorld, stand: Stand, status: str
    ) -> None:
        point = await newest(world)
        await world.provider.restore(point, token="t")

        (session,) = stand.lab.tenant.protection.sessions["mailbox"]

        def wrong(request: httpx.Request) -> httpx.Response | None:
            if not request.url.path.endswith("RestoreSessions"):
                return None
            row = {"id": session.id, "status": status, "error": {"code": "Quota", "message": "full"}}
            return httpx.Response(200, json={"value": [row]})

        stand.wire.instead = wrong
        done = await world.provider.restored(point, token="t")
        assert done is not None
        assert (done.state, done.message) == ("failed", "Quota: full")

    async def test_half_pages_lose_nothing(self, world: WorkspaceBackupWorld, stand: Stand) -> None:
        point = await newest(world)
        for token in "abc":
            await world.provider.restore(point, token=token)
        stand.faults(partial_page_rate=0.3, seed=4)
        assert len({source.id async for source in world.provider.sources()}) == 121
        assert all([await world.provider.restored(point, token=token) for token in "abc"])

    @pytest.mark.parametrize("name", ["BackupRestore-Search.Read.All", "BackupRestore-Restore.ReadWrite.All"])
    async def test_a_permission_that_is_missing_is_named(
        self, world: WorkspaceBackupWorld, stand: Stand, name: str
    ) -> None:
        point = await newest(world)
        stand.lab.change_permissions(revoke=[name, "BackupRestore-Restore.Read.All"])
        stand.handles.clear()
        provider = (await stand.open()).capability("workspace_backup")
        with pytest.raises(PermissionMissing) as caught:
            await provider.restore(point, token="t")
        assert name in str(caught.value.detail)

    async def test_the_tasks_bring_a_mailbox_back_once(self, world: WorkspaceBackupWorld, stand: Stand) -> None:
        tenant = FakeTenant(more={"workspace_backup": world.provider})
        before = stand.lab.now() - timedelta(days=3)
        found = await read(tenant, FindPoint, source=world.mailbox, before=before)
        assert found.point is not None
        assert 0 < found.lost_seconds <= 86_400
        effect, params = RestorePoint(), {"point": found.point}
        assert (await drive(tenant, effect, params, mode="plan")).outcome is Outcome.WOULD_CHANGE
        assert len(stand.lab.tenant.protection.sessions["mailbox"]) == 0
        with pytest.raises(NotVerified):  # it takes its time, and is not called done before
            await drive(tenant, effect, params)
        await finish()
        assert (await drive(tenant, effect, params)).outcome is Outcome.ALREADY
        assert len(stand.lab.tenant.protection.sessions["mailbox"]) == 1

    async def test_what_is_not_protected_is_not_found(self, world: WorkspaceBackupWorld, stand: Stand) -> None:
        def none(request: httpx.Request) -> httpx.Response | None:
            return httpx.Response(200, json={"value": []}) if "protectionUnits" in request.url.path else None

        stand.wire.instead = none
        with pytest.raises(TargetNotFound, match="not protected"):
            await newest(world)

    async def test_where_the_service_is_not_switched_on_it_is_an_error_and_no_empty_list(
        self, world: WorkspaceBackupWorld, stand: Stand
    ) -> None:
        def off(request: httpx.Request) -> httpx.Response | None:
            if ROOT not in request.url.path:
                return None
            return httpx.Response(403, json={"error": {"code": "ServiceNotEnabled", "message": "no"}})

        stand.wire.instead = off
        with pytest.raises(ProviderError):
            _ = [one async for one in world.provider.sources()]
