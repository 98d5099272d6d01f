"""`checks.cloud_access.access_key_made`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class AccessKeyMade(LogCheck):
    """A key was made for another user or for oneself, or used at once for something sensitive.

    ATT&CK T1098.001, T1078.004; https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html
    """

    name = "checks.cloud_access.access_key_made"
    title = "Access key made"
    severity = "medium"
    attack = ("T1098.001", "T1078.004")
    remedy = "Ask who made the key; deactivate it if nobody answers for it, and run leaked_cloud_key."
    collect = cloud_events
    rules = (
        "aws_access_key_for_another_user",
        "aws_access_key_second",
        "aws_new_credentials_used",
        "aws_other_credential_for_another_user",
    )
