"""`measures.cloud.trail_objects`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import Trails, cloud_trails
from tenantry.baseline.measure import FactMeasure
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class TrailObjects(FactMeasure[Trails]):
    """What is done to single objects of buckets is recorded, of some buckets at least.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
    """

    name = "measures.cloud.trail_objects"
    source = cloud_trails

    def subject(self, fact: Trails) -> str:
        return fact.account

    def judge(self, fact: Trails, look: Look) -> Iterable[str] | None:
        del look
        recording = [trail for trail in fact.trails if trail.recording]
        if any(trail.objects for trail in recording):
            return []
        if any(trail.objects is None for trail in recording):
            raise CannotCheck("what is recorded of single objects is not told")
        return ["nothing that is done to single objects is recorded"]
