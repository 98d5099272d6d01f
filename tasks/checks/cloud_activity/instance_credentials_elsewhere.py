"""`checks.cloud_activity.instance_credentials_elsewhere`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class InstanceCredentialsElsewhere(LogCheck):
    """Credentials of an instance's role were used from outside, or its role looks around in the account.

    ATT&CK T1552.005, T1550.001; https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-iam.html
    """

    name = "checks.cloud_activity.instance_credentials_elsewhere"
    title = "Instance's credentials used elsewhere"
    severity = "high"
    attack = ("T1552.005", "T1550.001")
    remedy = "Isolate the instance and revoke the role's sessions."
    collect = cloud_events
    rules = ("session_from_two_places", "aws_instance_role_enumerates")
