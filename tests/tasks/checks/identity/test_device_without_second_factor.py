from __future__ import annotations

from tasks.checks.identity.device_without_second_factor import DeviceWithoutSecondFactor
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(DeviceWithoutSecondFactor())
