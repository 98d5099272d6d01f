"""`checks.cloud_watch.trail_stopped_or_narrowed`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class TrailStoppedOrNarrowed(LogCheck):
    """A trail was stopped or deleted, records less, or its files were made to expire.

    ATT&CK T1562.008; https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html
    """

    name = "checks.cloud_watch.trail_stopped_or_narrowed"
    title = "Audit trail weakened"
    severity = "high"
    attack = ("T1562.008",)
    remedy = (
        "Start the trail again, put its selectors and its bucket's lifecycle back, and look at what was done meanwhile."
    )
    collect = cloud_events
    rules = (
        "aws_trail_stopped",
        "aws_trail_narrowed",
        "aws_trail_bucket_expires",
        "aws_bucket_expires_at_once",
        "aws_trail_moved",
        "aws_logs_of_security_deleted",
        "aws_bucket_log_off",
    )
