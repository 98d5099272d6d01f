"""`checks.cloud_exposure.disk_shared_or_exported`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class DiskSharedOrExported(LogCheck):
    """A snapshot, image or database's snapshot was shared with a stranger, or exported.

    ATT&CK T1537; https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySnapshotAttribute.html
    """

    name = "checks.cloud_exposure.disk_shared_or_exported"
    title = "Disk shared or exported"
    severity = "high"
    attack = ("T1537",)
    remedy = "Take the share back; what was copied meanwhile is gone."
    collect = cloud_events
    rules = (
        "aws_disk_read_elsewhere",
        "aws_snapshot_read_by_blocks",
        "aws_snapshot_shared_outside",
        "aws_disk_exported",
    )
