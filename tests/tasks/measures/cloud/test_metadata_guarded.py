from __future__ import annotations

from tasks.measures.cloud.metadata_guarded import MetadataGuarded
from tests.tasks.checks._cloud import machine
from tests.tasks.measures.cloud.asked import asked


def test_states() -> None:
    open_ = machine(metadata_guarded=False)
    assert asked(MetadataGuarded, machine()) == []
    assert asked(MetadataGuarded, open_) == ["it gives out its role's credentials without a token"]
    assert (
        asked(MetadataGuarded, machine(metadata_guarded=None)) == "how i gives out its role's credentials is not told"
    )
    assert asked(MetadataGuarded, machine(metadata_guarded=False, state="terminated")) is None
