"""`checks.cloud_activity.instances_started_oddly`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class InstancesStartedOddly(LogCheck):
    """Expensive or many instances were asked for, or something was made in a region that nobody used.

    ATT&CK T1496.001, T1535; https://docs.aws.amazon.com/awssupport/latest/user/security.html
    """

    name = "checks.cloud_activity.instances_started_oddly"
    title = "Unusual instances or region"
    severity = "medium"
    attack = ("T1496.001", "T1535")
    remedy = "Stop the instances, look for more in every region, and deactivate the credentials."
    collect = cloud_events
    rules = (
        "aws_unusual_instances",
        "aws_new_region",
        "aws_capacity_in_many_regions",
        "aws_region_enabled",
        "aws_quota_raised_by_key",
    )
