from __future__ import annotations

from tasks.checks.cloud_watch.recorder_off import RecorderOff
from tests.tasks.checks._cloud import NEW, OLD, found, recorder

CHECK = RecorderOff()


def test_one_that_was_stopped() -> None:
    assert found(CHECK, recorder(recording=False, stopped_at=NEW)) == [("high", "r/eu-central-1")]
    assert found(CHECK, recorder(recording=False, stopped_at=OLD)) == [("medium", "r/eu-central-1")]
    assert found(CHECK, recorder(recording=False)) == [("medium", "r/eu-central-1")]


def test_one_that_records_is_none() -> None:
    assert found(CHECK, recorder(stopped_at=OLD)) == []
