"""`checks.cloud_access.console_password_given`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class ConsolePasswordGiven(LogCheck):
    """A console password was set for another user.

    ATT&CK T1098, T1078.004; https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateLoginProfile.html
    """

    name = "checks.cloud_access.console_password_given"
    title = "Console password set for another user"
    severity = "medium"
    attack = ("T1098", "T1078.004")
    remedy = "Ask the user and whoever set it; remove the password if it was not ordered."
    collect = cloud_events
    rules = ("aws_login_profile_for_another_user",)
