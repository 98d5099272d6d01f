"""`checks.cloud_exposure.objects_deleted`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_object_events
from tenantry.sweep.check import LogCheck


class ObjectsDeleted(LogCheck):
    """Many objects were deleted, in the last week at most and where a trail records it.

    ATT&CK T1485; https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html
    """

    name = "checks.cloud_exposure.objects_deleted"
    title = "Objects deleted in numbers"
    severity = "high"
    attack = ("T1485",)
    remedy = "Stop the credentials that do it, then restore from versions and backups."
    collect = cloud_object_events
    rules = (
        "aws_objects_deleted_in_bulk",
        "aws_objects_encrypted_by_customer_key",
        "aws_object_versions_destroyed",
        "aws_objects_deleted_by_key",
    )
