"""`checks.cloud_access.second_factor_removed`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class SecondFactorRemoved(LogCheck):
    """Somebody else's second factor was removed.

    ATT&CK T1556.006; https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeactivateMFADevice.html
    """

    name = "checks.cloud_access.second_factor_removed"
    title = "Second factor removed"
    severity = "high"
    attack = ("T1556.006",)
    remedy = "Ask the user; block the console password until they have a second factor again."
    collect = cloud_events
    rules = ("aws_mfa_removed",)
