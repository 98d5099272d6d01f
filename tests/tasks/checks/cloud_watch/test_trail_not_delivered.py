from __future__ import annotations

from tasks.checks.cloud_watch.trail_not_delivered import TrailNotDelivered
from tests.tasks.checks._cloud import found, trails

CHECK = TrailNotDelivered()


def test_what_cannot_be_written() -> None:
    assert found(CHECK, trails({"delivery_error": "NoSuchBucket"})) == [("high", "t")]


def test_one_that_is_or_that_was_stopped_is_none() -> None:
    assert found(CHECK, trails({})) == []
    assert found(CHECK, trails()) == []
    assert found(CHECK, trails({"recording": False, "delivery_error": "NoSuchBucket"})) == []
