"""`checks.cloud_activity.account_explored`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class AccountExplored(LogCheck):
    """Somebody looks around in the account, or tries what they may.

    ATT&CK T1580, T1087.004; https://attack.mitre.org/techniques/T1580/
    """

    name = "checks.cloud_activity.account_explored"
    title = "Enumeration"
    severity = "medium"
    attack = ("T1580", "T1087.004")
    remedy = "Find out who uses these credentials; if in doubt, deactivate them."
    collect = cloud_events
    rules = (
        "aws_enumeration_burst",
        "aws_denied_probing",
        "aws_key_enumerates",
        "aws_roles_tried",
        "aws_attack_system",
    )
