from __future__ import annotations

from tasks.checks.mail.full_access_given import FullAccessGiven
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(FullAccessGiven())
