from __future__ import annotations

from tasks.checks.mail.send_as_given import SendAsGiven
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(SendAsGiven())
