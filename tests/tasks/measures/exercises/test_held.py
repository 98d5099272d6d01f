from __future__ import annotations

from datetime import datetime
from typing import Any

from tasks.measures.exercises.held import Held
from tests.tasks.checks.looks import NOW
from tests.tasks.measures.given import measured


class Looking:
    def __init__(self, *drills: dict[str, Any]) -> None:
        self.found = list(drills)

    async def exercises(self, since: datetime) -> list[dict[str, Any]]:
        assert (NOW - since).days == 365
        return self.found


async def test_only_a_drill_that_came_to_its_end_counts() -> None:
    drill = {"at": "2026-05-01T00:00:00.000000Z", "run_id": "run-7", "runbook": "ransomware"}
    found = await measured(Held(), looking=Looking(drill))
    assert (found.status, found.looked_at) == ("pass", 1)
    assert "ransomware was exercised on 2026-05-01, run run-7" in found.why
    assert (await measured(Held(), looking=Looking())).status == "for_person"
