"""`checks.cloud_access.admin_rights_given`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class AdminRightsGiven(LogCheck):
    """A user, group or role was given all rights, perhaps right after it was made, or a policy was rolled back to a wider
    version.

    ATT&CK T1098.003, T1136.003; https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html
    """

    name = "checks.cloud_access.admin_rights_given"
    title = "All rights given"
    severity = "critical"
    attack = ("T1098.003", "T1136.003")
    remedy = "Take the policy away and find out who attached it; run leaked_cloud_key for their credentials."
    collect = cloud_events
    rules = (
        "aws_cluster_admin_given",
        "aws_admin_user_created",
        "aws_user_made_admin",
        "aws_role_made_admin",
        "aws_policy_version_rolled",
        "aws_admin_group_joined",
        "aws_permission_set_made_admin",
        "aws_instance_given_role",
    )
