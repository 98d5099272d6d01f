"""`checks.cloud_activity.language_models_abused`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class LanguageModelsAbused(LogCheck):
    """Language models were tried out with a user's key, or access to them was opened.

    ATT&CK T1496.004, T1562.008; https://docs.aws.amazon.com/bedrock/latest/userguide/logging-using-cloudtrail.html
    """

    name = "checks.cloud_activity.language_models_abused"
    title = "Language models tried or opened"
    severity = "medium"
    attack = ("T1496.004", "T1562.008")
    remedy = "Deactivate the key, and look at the bill of every region."
    collect = cloud_events
    rules = ("aws_bedrock_probed", "aws_bedrock_access_changed", "aws_models_asked_in_regions")
