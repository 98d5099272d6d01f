"""`checks.cloud_activity.mail_sending_opened`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class MailSendingOpened(LogCheck):
    """Sending of mail was opened or raised.

    ATT&CK T1496, T1566; https://docs.aws.amazon.com/ses/latest/dg/logging-using-cloudtrail.html
    """

    name = "checks.cloud_activity.mail_sending_opened"
    title = "Mail sending opened"
    severity = "medium"
    attack = ("T1496", "T1566")
    remedy = "Verify identities and limits in SES, and who changed them."
    collect = cloud_events
    rules = (
        "aws_mail_sender_changed",
        "aws_mail_sending_examined",
        "aws_text_messages_opened",
        "aws_text_messages_examined",
    )
