from __future__ import annotations

from tasks.measures.cloud.trail_objects import TrailObjects
from tests.tasks.checks._cloud import trails
from tests.tasks.measures.cloud.asked import asked


def test_objects() -> None:
    nothing = ["nothing that is done to single objects is recorded"]
    assert asked(TrailObjects, trails({"objects": True}, {})) == []
    assert asked(TrailObjects, trails({"objects": False})) == asked(TrailObjects, trails()) == nothing
    assert asked(TrailObjects, trails({"objects": True, "recording": False})) == nothing
    assert asked(TrailObjects, trails({"objects": None})) == "what is recorded of single objects is not told"
