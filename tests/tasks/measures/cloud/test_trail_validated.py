from __future__ import annotations

from tasks.measures.cloud.trail_validated import TrailValidated
from tests.tasks.checks._cloud import trails
from tests.tasks.measures.cloud.asked import asked


def test_digests() -> None:
    assert asked(TrailValidated, trails({"validated": False, "name": "old"}, {})) == []
    assert asked(TrailValidated, trails({"validated": False})) == ["all carries no digests"]
    assert asked(TrailValidated, trails({"recording": False})) == ["no trail records"]
