"""`measures.logging.trail_kept`"""

from __future__ import annotations

from typing import Final

from tasks.checks._collect.cloud import Trails, cloud_trails
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.sweep.check import Look

LEAST: Final = 180
"""Days: the six months of CISA's advisory AA22-131A."""


class TrailKept(WholeMeasure[Trails]):
    """The cloud account's audit trail records, and its files are kept for six months at least.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html
    """

    name = "measures.logging.trail_kept"
    source = cloud_trails

    def evaluate(self, facts: list[Trails], look: Look, seen: int) -> Verdict:
        del look, seen
        recording = [trail for one in facts for trail in one.trails if trail.recording]
        if not recording:
            return Verdict("fail", "no audit trail records: the vendor keeps ninety days by itself")
        kept = [one for one in recording if one.bucket_known and (one.expires_days or LEAST) >= LEAST]
        if kept:
            return Verdict("pass", f"{kept[0].name} is kept for {LEAST} days or more", (), len(recording))
        unknown = tuple(sorted(one.name for one in recording if not one.bucket_known))
        if unknown:
            return Verdict("unknown", "for how long the files are kept is not known", unknown, len(recording))
        short = tuple(sorted(f"{one.name} ({one.expires_days} days)" for one in recording))
        return Verdict("fail", f"no audit trail is kept for {LEAST} days", short, len(recording))
