from __future__ import annotations

from tasks.measures.cloud.databases_updated import DatabasesUpdated
from tests.tasks.checks._cloud import managed
from tests.tasks.measures.cloud.asked import asked


def test_well_made_careless_and_unknown() -> None:
    assert asked(DatabasesUpdated, managed()) == []
    assert asked(DatabasesUpdated, managed(updates_itself=False)) == ["small new versions wait for somebody"]
    assert asked(DatabasesUpdated, managed(updates_itself=None)) == "whether shop updates itself is not told"
