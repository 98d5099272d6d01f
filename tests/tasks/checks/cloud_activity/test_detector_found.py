from __future__ import annotations

from tasks.checks.cloud_activity.detector_found import DetectorFound
from tests.tasks.checks._cloud import found, vendor_finding

CHECK = DetectorFound()


def test_what_guardduty_found() -> None:
    assert found(CHECK, vendor_finding()) == [("high", "i-1")]
    assert found(CHECK, vendor_finding(severity="informational", resources=())) == [("info", "eu-central-1")]


def test_what_security_hub_says_of_the_configuration_is_none() -> None:
    hub = {"service": "securityhub", "type": "Software and Configuration Checks/Industry and Regulatory Standards"}
    assert found(CHECK, vendor_finding(**hub)) == []
    assert found(CHECK, vendor_finding(**hub | {"type": "TTPs/Credential Access"})) == [("high", "i-1")]


def test_what_was_dealt_with_is_none() -> None:
    assert found(CHECK, vendor_finding(open=False)) == []
