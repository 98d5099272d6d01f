from __future__ import annotations

from typing import Any

import pytest

from tasks.workspace.restore_point import RestorePoint
from tenantry.capabilities import BackupJob
from tenantry.errors import CannotCheck, NotVerified
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant

POINT = "mailbox/unit/2026-11-20T02:00:00Z/one"


class Workspace:
    """A restore is done as soon as it was begun, unless ``became`` says otherwise."""

    def __init__(self, tenant: FakeTenant) -> None:
        self._tenant = tenant
        self.begun: dict[tuple[str, str], BackupJob] = {}
        self.became: str = "completed"

    async def restore(self, point: str, *, token: str) -> BackupJob:
        if (point, token) not in self.begun:
            self._tenant.writes.append(("restore", point, token))
            rest: dict[str, Any] = {"started_at": None, "ended_at": None, "raw": {}}
            state: Any = self.became
            self.begun[point, token] = BackupJob(
                id="s", action="restore", state=state, source=point, result="Recovered", message="Quota: full", **rest
            )
        return self.begun[point, token]

    async def restored(self, point: str, *, token: str) -> BackupJob | None:
        return self.begun.get((point, token))


def prepare(tenant: FakeTenant) -> dict[str, Any]:
    tenant.more["workspace_backup"] = Workspace(tenant)
    return {"point": POINT}


class TestRestorePoint(EffectContract):
    case = Case(task=RestorePoint, prepare=prepare, writes=[("restore", POINT, f"run-1/{POINT}")], undo_writes=None)


@pytest.mark.parametrize(("became", "error"), [("failed", NotVerified), ("lost", CannotCheck)])
async def test_what_came_of_it_is_asked(became: str, error: type[Exception]) -> None:
    tenant = FakeTenant()
    params = prepare(tenant)
    backup = tenant.more["workspace_backup"]
    backup.became = "failed" if became == "failed" else "completed"
    ask = backup.restored

    async def lost(point: str, *, token: str) -> BackupJob | None:
        return None if became == "lost" else await ask(point, token=token)

    backup.restored = lost
    with pytest.raises(error, match="Quota: full" if became == "failed" else "cannot be looked up"):
        await drive(tenant, RestorePoint(), params)
