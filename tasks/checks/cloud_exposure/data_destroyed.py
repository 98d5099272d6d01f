"""`checks.cloud_exposure.data_destroyed`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class DataDestroyed(LogCheck):
    """Objects, buckets, databases or backups were deleted in numbers.

    ATT&CK T1485, T1490; https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
    """

    name = "checks.cloud_exposure.data_destroyed"
    title = "Data destroyed"
    severity = "high"
    attack = ("T1485", "T1490")
    remedy = "Stop the credentials that do it, then restore from versions and backups."
    collect = cloud_events
    rules = ("aws_objects_deleted_in_bulk", "aws_resources_destroyed")
