from __future__ import annotations

from tasks.checks.identity.sensitive_from_new_place import SensitiveFromNewPlace
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(SensitiveFromNewPlace())
