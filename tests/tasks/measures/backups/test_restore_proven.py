from __future__ import annotations

from datetime import datetime
from typing import Any

from tasks.measures.backups.restore_proven import RestoreProven
from tests.tasks.checks.looks import NOW
from tests.tasks.measures.given import measured


class Looking:
    def __init__(self, *restores: dict[str, Any]) -> None:
        self.found = list(restores)

    async def restores(self, since: datetime) -> list[dict[str, Any]]:
        assert (NOW - since).days == 365
        return self.found


async def test_only_what_a_run_proved_counts() -> None:
    found = await measured(RestoreProven(), looking=Looking({"at": "2026-05-01T00:00:00.000000Z", "run_id": "run-7"}))
    assert (found.status, found.looked_at) == ("pass", 1)
    assert "run-7" in found.why
    assert (await measured(RestoreProven(), looking=Looking())).status == "for_person"
