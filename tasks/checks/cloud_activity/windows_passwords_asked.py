"""`checks.cloud_activity.windows_passwords_asked`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class WindowsPasswordsAsked(LogCheck):
    """Windows passwords of several instances were asked for.

    ATT&CK T1552.005, T1555; https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetPasswordData.html
    """

    name = "checks.cloud_activity.windows_passwords_asked"
    title = "GetPasswordData in numbers"
    severity = "high"
    attack = ("T1552.005", "T1555")
    remedy = "Change the administrators' passwords of those instances, and deactivate the credentials that asked."
    collect = cloud_events
    rules = ("aws_password_data",)
