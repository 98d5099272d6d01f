"""`measures.cloud.trails_delivered`"""

from __future__ import annotations

from tasks.checks._collect.cloud import Trails, cloud_trails
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.sweep.check import Look


class TrailsDelivered(WholeMeasure[Trails]):
    """What every trail that records writes gets to its bucket.

    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html
    """

    name = "measures.cloud.trails_delivered"
    source = cloud_trails

    def evaluate(self, facts: list[Trails], look: Look, seen: int) -> Verdict:
        del look, seen
        trails = [trail for fact in facts for trail in fact.trails if trail.recording]
        kept_off = [f"{trail.id}: {trail.delivery_error}" for trail in trails if trail.delivery_error]
        if kept_off:
            why = f"{len(kept_off)} of {len(trails)} trails cannot be written"
            return Verdict("fail", why, tuple(kept_off), len(trails))
        if not trails:
            return Verdict("not_applicable", "no trail of the account records anything")
        return Verdict("pass", f"all {len(trails)} trails arrive", (), len(trails))
