"""`measures.cloud.trails_record`"""

from __future__ import annotations

from tasks.checks._collect.cloud import Trails, cloud_trails
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.sweep.check import Look


class TrailsRecord(WholeMeasure[Trails]):
    """Every trail that there is records. Whether one of them is enough is another question.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-turning-off-logging.html
    """

    name = "measures.cloud.trails_record"
    source = cloud_trails

    def evaluate(self, facts: list[Trails], look: Look, seen: int) -> Verdict:
        del look, seen
        trails = [trail for fact in facts for trail in fact.trails]
        stopped = [trail.id for trail in trails if not trail.recording]
        if stopped:
            return Verdict("fail", f"{len(stopped)} of {len(trails)} trails are stopped", tuple(stopped), len(trails))
        if not trails:
            return Verdict("not_applicable", "the account has no trail")
        return Verdict("pass", f"all {len(trails)} trails record", (), len(trails))
