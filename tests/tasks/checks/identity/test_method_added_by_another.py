from __future__ import annotations

from tasks.checks.identity.method_added_by_another import MethodAddedByAnother
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(MethodAddedByAnother())
