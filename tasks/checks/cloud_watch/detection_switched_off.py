"""`checks.cloud_watch.detection_switched_off`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class DetectionSwitchedOff(LogCheck):
    """GuardDuty, Security Hub or Config was switched off, or told to say nothing.

    ATT&CK T1562.001; https://docs.aws.amazon.com/guardduty/latest/APIReference/API_DeleteDetector.html
    """

    name = "checks.cloud_watch.detection_switched_off"
    title = "Detection switched off"
    severity = "high"
    attack = ("T1562.001",)
    remedy = "Switch it on again, and remove filters that nobody ordered."
    collect = cloud_events
    rules = (
        "aws_detection_off",
        "aws_findings_suppressed",
        "aws_compliance_rules_deleted",
        "aws_firewall_removed",
        "aws_alarms_cut",
    )
