from __future__ import annotations

from tasks.checks.identity.recovery_keys_read import RecoveryKeysRead
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(RecoveryKeysRead())
