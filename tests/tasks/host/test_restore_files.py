from __future__ import annotations

from typing import Any

import pytest

from integrations.lab.hosts.state import LabFile
from tasks.host._restore import OnePoint, token
from tasks.host.restore_files import RestoreFiles
from tenantry.errors import NotVerified
from tenantry.task import Change
from tests.support.effects import Case, drive
from tests.support.ransom import ContestedRansomEffect, RansomTenant


def prepare(tenant: RansomTenant) -> dict[str, Any]:
    """Something was staged, by a step before."""
    given = {"host": "web1", "point": tenant.story["files"]["good"]}
    mine = token(tenant.context(RestoreFiles()), OnePoint(**given))
    tenant.backups._writes["stage"]("web1", tenant.web, {"point": given["point"], "paths": [], "token": mine})
    tenant.writes.clear()
    return {**given, "since": tenant.began}


def target() -> str:
    return f"web1/restores/{RansomTenant().story['files']['good']}"


def damage_again(tenant: RansomTenant) -> None:
    tenant.web.files["/srv/data/ledger.csv"] = LabFile(b"new work", tenant.clock.now())


def contents(tenant: RansomTenant) -> dict[str, bytes]:
    return {path: file.content for path, file in tenant.web.files.items()}


class TestRestoreFiles(ContestedRansomEffect):
    case = Case(
        task=RestoreFiles,
        prepare=prepare,
        writes=[("put_in_place", target(), None)],
        undo_writes=[("put_back", target(), None)],
        seen=contents,
        upsets=damage_again,
    )


async def test_files_are_as_they_were_and_the_clients_own_stay() -> None:
    tenant = RansomTenant()
    before = contents(tenant)
    done = await drive(tenant, RestoreFiles(), prepare(tenant))
    files, point = tenant.story["files"], tenant.web.points[tenant.story["files"]["good"]]
    for path in files["damaged"]:
        assert tenant.web.files[path].content == point.files[path]
    for path in files["own"]:
        assert tenant.web.files[path].content == before[path] != point.files[path]
    (change,) = done.changes
    assert (change.before["missing"], change.before["changed"]) == (1, 1)


async def test_one_file_that_is_not_as_it_was_is_enough() -> None:
    tenant, task = RansomTenant(), RestoreFiles()
    params = task.Params(**prepare(tenant))
    ctx = tenant.context(task)
    changes: list[Change] = await task.check(ctx, params)
    await task.apply(ctx, params, changes)
    tenant.backups.at_work = True
    assert await task.verify(ctx, params, changes) == changes, "still at work"
    tenant.backups.at_work = False
    damage_again(tenant)
    with pytest.raises(NotVerified, match="ledger"):
        await task.verify(ctx, params, changes)
