"""`checks.cloud_access.console_login_without_mfa`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class ConsoleLoginWithoutMfa(LogCheck):
    """Somebody signed in to the console with a password alone.

    ATT&CK T1078.004; https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
    """

    name = "checks.cloud_access.console_login_without_mfa"
    title = "Console sign-in without a second factor"
    severity = "medium"
    attack = ("T1078.004",)
    remedy = "Ask the user; require a second factor by policy."
    collect = cloud_events
    rules = ("aws_console_login_without_mfa",)
