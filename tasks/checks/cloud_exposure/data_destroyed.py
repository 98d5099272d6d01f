"""`checks.cloud_exposure.data_destroyed`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class DataDestroyed(LogCheck):
    """Buckets, databases or backups were deleted one after the other.

    ATT&CK T1485, T1490; https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBSnapshot.html
    """

    name = "checks.cloud_exposure.data_destroyed"
    title = "Data destroyed"
    severity = "high"
    attack = ("T1485", "T1490")
    remedy = "Stop the credentials that do it, then restore from versions and backups."
    collect = cloud_events
    rules = (
        "aws_database_guard_removed",
        "aws_users_locked_out",
        "aws_resources_destroyed",
        "aws_backups_deleted",
        "aws_images_removed_by_key",
    )
