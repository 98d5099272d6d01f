from __future__ import annotations

from tasks.checks.applications.consent_in_log import ConsentInLog
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(ConsentInLog())
