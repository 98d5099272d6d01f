from __future__ import annotations

from typing import Any

from tasks.workspace.read_newest_point import ReadNewestPoint
from tests.support.fakes import FakeTenant
from tests.support.incident import read
from tests.tasks.workspace.test_find_point import MAILBOX, Points, point


class Newest(Points):
    async def points(self, source: str, *, since: Any = None, until: Any = None) -> Any:
        async for one in super().points(source, until=point("now", 0).created_at):
            yield one


async def newest(backup: Newest) -> Any:
    return await read(FakeTenant(more={"workspace_backup": backup}), ReadNewestPoint, source=MAILBOX)


async def test_the_newest_good_one_and_no_more_is_read() -> None:
    backup = Newest(point("gone", 0, "expired"), point("good", 10), point("older", 20))
    found = await newest(backup)
    assert (found.point, found.newest_at, found.other) == ("good", point("good", 10).created_at, 1)
    assert backup.taken == 2


async def test_none_at_all() -> None:
    found = await newest(Newest())
    assert (found.point, found.newest_at, found.good) == (None, None, 0)
