"""`checks.cloud_access.self_escalation`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class SelfEscalation(LogCheck):
    """A principal gave itself rights.

    ATT&CK T1098.003, T1548.005; https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html, API_AttachUserPolicy.html
    """

    name = "checks.cloud_access.self_escalation"
    title = "Principal gave itself rights"
    severity = "high"
    attack = ("T1098.003", "T1548.005")
    remedy = "Take the policy away, deactivate the credentials, and look at what was done with them since."
    collect = cloud_events
    rules = ("aws_self_escalation",)
