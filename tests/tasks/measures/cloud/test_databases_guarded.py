from __future__ import annotations

from tasks.measures.cloud.databases_guarded import DatabasesGuarded
from tests.tasks.checks._cloud import managed
from tests.tasks.measures.cloud.asked import asked


def test_well_made_careless_and_unknown() -> None:
    assert asked(DatabasesGuarded, managed()) == []
    assert asked(DatabasesGuarded, managed(deletion_guarded=False)) == ["one call deletes it"]
    assert (
        asked(DatabasesGuarded, managed(deletion_guarded=None))
        == "whether shop is guarded against deletion is not told"
    )
