"""`measures.cloud.trail_validated`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import Trails, cloud_trails
from tenantry.baseline.measure import FactMeasure
from tenantry.sweep.check import Look


class TrailValidated(FactMeasure[Trails]):
    """The trail's files carry digests, so that one that was changed or taken away is noticed.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-intro.html
    """

    name = "measures.cloud.trail_validated"
    source = cloud_trails

    def subject(self, fact: Trails) -> str:
        return fact.account

    def judge(self, fact: Trails, look: Look) -> Iterable[str] | None:
        del look
        recording = [trail for trail in fact.trails if trail.recording]
        if any(trail.validated and trail.every_region for trail in recording):
            return []
        return [f"{trail.name} carries no digests" for trail in recording if not trail.validated] or [
            "no trail records"
        ]
