"""`measures.cloud.trail_whole`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import Trails, cloud_trails
from tenantry.baseline.measure import FactMeasure
from tenantry.sweep.check import Look


class TrailWhole(FactMeasure[Trails]):
    """One trail at least records everything that is done to the account, in every region, and leaves nothing out.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/best-practices-security.html
    """

    name = "measures.cloud.trail_whole"
    source = cloud_trails

    def subject(self, fact: Trails) -> str:
        return fact.account

    def judge(self, fact: Trails, look: Look) -> Iterable[str] | None:
        del look
        whole = [
            trail
            for trail in fact.trails
            if trail.recording and trail.every_region and trail.global_services and not trail.delivery_error
        ]
        if any(trail.reads and trail.writes and not trail.excluded for trail in whole):
            return []
        if not whole:
            return ["no trail records every region"]
        return [
            f"{', '.join(sorted(trail.name for trail in whole))} leaves events out, or does not say that it does not"
        ]
