"""`checks.cloud_access.console_guessing`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class ConsoleGuessing(LogCheck):
    """Passwords of the console are guessed.

    ATT&CK T1110.003, T1110.001; https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
    """

    name = "checks.cloud_access.console_guessing"
    title = "Console passwords guessed"
    severity = "medium"
    attack = ("T1110.003", "T1110.001")
    remedy = "Look for a success among the tries; require a second factor."
    collect = cloud_events
    rules = ("aws_console_guessing", "aws_console_guessed")
