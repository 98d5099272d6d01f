from __future__ import annotations

from tasks.checks.access.conditional_access_changed import ConditionalAccessChanged
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(ConditionalAccessChanged())
