from __future__ import annotations

from tasks.measures.cloud.databases_private import DatabasesPrivate
from tests.tasks.checks._cloud import managed
from tests.tasks.measures.cloud.asked import asked


def test_well_made_careless_and_unknown() -> None:
    assert asked(DatabasesPrivate, managed()) == []
    assert asked(DatabasesPrivate, managed(public=True)) == ["it has a public address"]
    assert asked(DatabasesPrivate, managed(public=None)) == "whether shop has a public address is not told"
