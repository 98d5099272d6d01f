"""`checks.cloud_watch.organization_guard_removed`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class OrganizationGuardRemoved(LogCheck):
    """The account left its organisation, or a policy that guards it was taken away.

    ATT&CK T1562.001, T1666; https://docs.aws.amazon.com/organizations/latest/APIReference/API_LeaveOrganization.html
    """

    name = "checks.cloud_watch.organization_guard_removed"
    title = "Guard of the account removed"
    severity = "high"
    attack = ("T1562.001", "T1666")
    remedy = "Ask the organisation's owner at once; invite the account again."
    collect = cloud_events
    rules = (
        "aws_organization_joined",
        "aws_account_contact_changed",
        "aws_password_rules_weakened",
        "aws_leave_organization",
        "aws_policy_guard_removed",
        "aws_domain_released",
    )
