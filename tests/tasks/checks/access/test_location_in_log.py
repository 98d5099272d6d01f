from __future__ import annotations

from tasks.checks.access.location_in_log import LocationInLog
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(LocationInLog())
