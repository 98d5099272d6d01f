from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.measures.backups.isolated import Isolated
from tests.tasks.checks.looks import NOW
from tests.tasks.measures.given import listed, measured

LATER, OVER = NOW + timedelta(days=1), NOW


def point(source: str, until: Any = None, state: str = "available") -> Any:
    return SimpleNamespace(source=source, locked_until=until, state=state)


@pytest.mark.parametrize(
    ("points", "status", "about"),
    [
        ([point("db", LATER), point("db"), point("web", LATER)], "pass", ()),
        ([point("db", LATER), point("web", OVER)], "for_person", ("web",)),
        ([point("db", LATER, state="failed")], "for_person", ()),
        ([], "for_person", ()),
    ],
)
async def test_one_copy_of_each_that_cannot_be_deleted(points: list[Any], status: str, about: tuple[str, ...]) -> None:
    found = await measured(Isolated(), backup=SimpleNamespace(points=listed(*points)))
    assert (found.status, found.about) == (status, about)
