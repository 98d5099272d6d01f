from __future__ import annotations

from tasks.measures.cloud.databases_enciphered import DatabasesEnciphered
from tests.tasks.checks._cloud import managed
from tests.tasks.measures.cloud.asked import asked


def test_well_made_careless_and_unknown() -> None:
    assert asked(DatabasesEnciphered, managed()) == []
    assert asked(DatabasesEnciphered, managed(enciphered=False)) == ["its storage is not enciphered"]
    assert asked(DatabasesEnciphered, managed(enciphered=None)) == "whether shop is enciphered is not told"
