"""`checks.cloud_watch.trail_not_delivered`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import Trails, cloud_trails
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class TrailNotDelivered(Check[Trails]):
    """A trail records and cannot write: its bucket is gone, or its policy was changed.

    ATT&CK T1562.008; https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
    """

    name = "checks.cloud_watch.trail_not_delivered"
    title = "Audit trail cannot be written"
    severity = "high"
    attack = ("T1562.008",)
    remedy = "Make the bucket or its policy anew, and see who changed it."
    collect = cloud_trails

    def evaluate(self, fact: Trails, look: Look) -> Iterable[Finding]:
        for trail in fact.trails:
            if trail.recording and trail.delivery_error:
                yield self.finding(
                    ("trail", trail.id),
                    f"{trail.name} cannot be written to {trail.bucket}: {trail.delivery_error}",
                    bucket=trail.bucket,
                )
