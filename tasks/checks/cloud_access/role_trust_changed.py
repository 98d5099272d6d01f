"""`checks.cloud_access.role_trust_changed`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class RoleTrustChanged(LogCheck):
    """A role was made, or its trust changed, so that another account may assume it.

    ATT&CK T1098.003, T1199; https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAssumeRolePolicy.html
    """

    name = "checks.cloud_access.role_trust_changed"
    title = "Role lets another account in"
    severity = "high"
    attack = ("T1098.003", "T1199")
    remedy = "Put the trust policy back, and revoke the role's sessions."
    collect = cloud_events
    rules = ("aws_role_trusts_outside", "aws_role_trusts_vendor")
