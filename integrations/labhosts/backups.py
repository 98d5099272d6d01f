"""``host_backup`` at the lab: the same promises as over SSH."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from urllib.parse import quote

from pydantic import ValidationError

from integrations.labhosts.client import Calls
from tenantry.capabilities import BackupJob, RecoveryPoint, StagedFile
from tenantry.errors import TargetNotFound, VendorFault

__all__ = ["LabHostBackups"]


class LabHostBackups(Calls):
    """Implements :class:`tenantry.capabilities.HostBackup`. Every host of the lab has a repository."""

    async def points(self, source: str | None = None, *, until: datetime | None = None) -> AsyncIterator[RecoveryPoint]:
        names = [source] if source is not None else [str(row["id"]) for row in await self.get("")]
        for name in names:
            for point in await self.all(RecoveryPoint, name, "points"):
                if until is None or point.created_at <= until:
                    yield point

    async def stage(self, host: str, point: str, paths: Sequence[str], *, token: str) -> BackupJob:
        await self.post(host, "stage", {"point": point, "paths": list(paths), "token": token})
        begun = await self.staged(host, point, token=token)
        if begun is None:
            raise VendorFault("what was staged does not show", vendor="labhosts")
        return begun

    async def staged(self, host: str, point: str, *, token: str) -> BackupJob | None:
        found = await self.get(f"/{quote(host, safe='')}/staged", point=point, token=token)
        try:
            return None if found is None else BackupJob.model_validate(found)
        except ValidationError:
            raise VendorFault("the lab's job is of another form", vendor="labhosts") from None

    async def compare(self, host: str, point: str, *, token: str) -> AsyncIterator[StagedFile]:
        for row in await self.all(StagedFile, host, "compare", point=point, token=token):
            yield row

    async def put_in_place(self, host: str, point: str, since: datetime, *, token: str) -> None:
        await self.post(host, "put_in_place", {"point": point, "since": since.isoformat(), "token": token})

    async def placing(self, host: str, point: str, *, token: str) -> bool:
        return await self.get(f"/{quote(host, safe='')}/placing", point=point, token=token) is True

    async def put_back(self, host: str, point: str, *, token: str) -> None:
        await self.post(host, "put_back", {"point": point, "token": token})

    async def remove_staged(self, host: str, point: str, *, token: str) -> None:
        try:
            await self.post(host, "remove_staged", {"point": point, "token": token})
        except TargetNotFound:
            return
