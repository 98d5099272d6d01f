from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.workspace.find_point import FindPoint
from tenantry.capabilities import RecoveryPoint
from tests.support.fakes import FakeTenant
from tests.support.incident import read

BEFORE = datetime(2026, 11, 20, 8, tzinfo=UTC)
MAILBOX = "mailbox/dana@acme.example"


def point(name: str, minutes: float, state: Any = "available") -> RecoveryPoint:
    """Made so many minutes before."""
    made = BEFORE - timedelta(minutes=minutes)
    common: dict[str, Any] = {"size": None, "encrypted": None, "locked_until": None, "raw": {}}
    return RecoveryPoint(id=name, source=MAILBOX, kind="backup", created_at=made, state=state, **common)


class Points:
    """Newest first; says how many were taken."""

    def __init__(self, *points: RecoveryPoint) -> None:
        self._points = points
        self.taken = 0

    async def points(self, source: str, *, since: Any = None, until: Any = None) -> Any:
        assert (source, until) == (MAILBOX, BEFORE)
        for one in self._points:
            self.taken += 1
            yield one


async def found(backup: Points) -> Any:
    return await read(FakeTenant(more={"workspace_backup": backup}), FindPoint, source=MAILBOX, before=BEFORE)


async def test_the_newest_good_one_from_before_and_no_more_is_read() -> None:
    backup = Points(point("now", 0), point("gone", 10, "expired"), point("good", 20), point("older", 30))
    chosen = await found(backup)
    assert (chosen.point, chosen.lost_seconds) == ("good", 1200)
    assert backup.taken == 3


async def test_none_is_said() -> None:
    chosen = await found(Points(point("now", 0)))
    assert (chosen.point, chosen.lost_seconds) == (None, None)


def test_a_source_says_what_it_is() -> None:
    with pytest.raises(ValidationError):
        FindPoint.Params.model_validate({"source": "dana@acme.example", "before": BEFORE})
