from __future__ import annotations

from tasks.checks.applications.owner_added import OwnerAdded
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(OwnerAdded())
