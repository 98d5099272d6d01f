from __future__ import annotations

from tasks.checks.identity.sign_in_at_risk import SignInAtRisk
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(SignInAtRisk())
