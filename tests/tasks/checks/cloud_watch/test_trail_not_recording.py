from __future__ import annotations

from tasks.checks.cloud_watch.trail_not_recording import TrailNotRecording
from tests.tasks.checks._cloud import NEW, OLD, OWN, found, trails

CHECK = TrailNotRecording()


def test_one_that_was_stopped() -> None:
    assert found(CHECK, trails({"recording": False, "stopped_at": NEW}, {"id": "other"})) == [("critical", "t")]
    assert found(CHECK, trails({"recording": False, "stopped_at": OLD})) == [("high", "t")]
    assert found(CHECK, trails({"recording": False})) == [("high", "t")]
    assert found(CHECK, trails({"recording": False, "stopped_at": OLD}, {"id": "other"})) == [("low", "t")]


def test_no_trail_at_all_is_said() -> None:
    assert found(CHECK, trails()) == [("medium", OWN)]


def test_one_that_records_is_none() -> None:
    assert found(CHECK, trails({"stopped_at": OLD})) == []
