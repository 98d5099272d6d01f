"""`checks.cloud_watch.network_logs_removed`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class NetworkLogsRemoved(LogCheck):
    """Flow logs, DNS query logs or groups of logs were deleted.

    ATT&CK T1562.008, T1070; https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteFlowLogs.html
    """

    name = "checks.cloud_watch.network_logs_removed"
    title = "Network logs removed"
    severity = "medium"
    attack = ("T1562.008", "T1070")
    remedy = "Make them anew, and look at what was done before and after."
    collect = cloud_events
    rules = ("aws_network_logs_removed", "aws_log_groups_deleted", "aws_traffic_mirrored")
