from __future__ import annotations

from tasks.checks.identity.password_spray import PasswordSpray
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(PasswordSpray())
