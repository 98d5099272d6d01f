from __future__ import annotations

from tasks.checks._collect.cloud import Detectors
from tasks.measures.cloud.detector_on import DetectorOn
from tenantry.capabilities import DetectorState
from tests.tasks.measures.cloud.asked import asked


def test_in_every_region() -> None:
    on, off = (DetectorState(service="guardduty", region=f"r{number}", enabled=number == 1) for number in (1, 2))
    assert asked(DetectorOn, Detectors("guardduty", (on,)), service="guardduty") == []
    assert asked(DetectorOn, Detectors("guardduty", (on, off)), service="guardduty") == ["r2: it is off"]
    assert asked(DetectorOn, Detectors("guardduty", (off,)), service="securityhub") is None
