from __future__ import annotations

from tasks.checks.identity.device_code_sign_in import DeviceCodeSignIn
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(DeviceCodeSignIn())
