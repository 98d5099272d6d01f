from __future__ import annotations

from tasks.checks.mail.audit_switched_off import AuditSwitchedOff
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(AuditSwitchedOff())
