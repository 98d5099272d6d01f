"""`checks.cloud_watch.trail_bucket_expires`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.cloud import Trails, cloud_trails
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding

_WEEK: Final = 7
_FEW: Final = 29
"""Days. Whoever keeps logs at all keeps them for a month."""


class TrailBucketExpires(Check[Trails]):
    """The bucket of a trail deletes its files within days.

    ATT&CK T1562.008; https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html
    """

    name = "checks.cloud_watch.trail_bucket_expires"
    title = "Audit trail's files expire within days"
    severity = "high"
    attack = ("T1562.008",)
    remedy = "Put the bucket's lifecycle back; what is gone can be had from the event history for 90 days."
    collect = cloud_trails

    def evaluate(self, fact: Trails, look: Look) -> Iterable[Finding]:
        unknown = [trail.name for trail in fact.trails if trail.own and not trail.bucket_known]
        for trail in fact.trails:
            if trail.expires_days is not None and trail.expires_days <= _FEW:
                yield self.finding(
                    ("bucket", trail.bucket),
                    f"files of {trail.name} are deleted after {trail.expires_days} days",
                    severity=None if trail.expires_days <= _WEEK else "medium",
                    days=trail.expires_days,
                )
        if unknown:
            raise CannotCheck(f"the bucket of {', '.join(unknown)} is another account's, or may not be read")
