"""`checks.cloud_activity.secrets_read_in_bulk`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class SecretsReadInBulk(LogCheck):
    """Secrets or parameters were listed and read one after the other.

    ATT&CK T1555.006, T1552; https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_cloudtrail.html
    """

    name = "checks.cloud_activity.secrets_read_in_bulk"
    title = "Secrets read in bulk"
    severity = "high"
    attack = ("T1555.006", "T1552")
    remedy = "Rotate what was read, and find out whose credentials read it."
    collect = cloud_events
    rules = (
        "aws_secrets_listed_and_read",
        "aws_secrets_read_in_bulk",
        "aws_parameters_listed_and_decrypted",
        "aws_parameters_read_one_by_one",
        "aws_secrets_read_by_filter",
    )
