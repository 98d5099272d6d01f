from __future__ import annotations

from tasks.checks.mail.vendor_alert_raised import VendorAlertRaised
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(VendorAlertRaised())
