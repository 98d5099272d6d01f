from __future__ import annotations

from tasks.measures.cloud.databases_kept import DatabasesKept
from tests.tasks.checks._cloud import managed
from tests.tasks.measures.cloud.asked import asked


def test_for_how_long() -> None:
    assert asked(DatabasesKept, managed()) == asked(DatabasesKept, managed(kept_days=3), days=3) == []
    assert asked(DatabasesKept, managed(kept_days=3)) == ["its backups are kept for 3 days"]
    assert asked(DatabasesKept, managed(kept_days=0)) == ["no automatic backups are made"]
    assert asked(DatabasesKept, managed(kept_days=None)) == "for how long shop can be had back is not told"
