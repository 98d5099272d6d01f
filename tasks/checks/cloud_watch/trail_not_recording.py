"""`checks.cloud_watch.trail_not_recording`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import Trails, cloud_trails
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class TrailNotRecording(Check[Trails]):
    """A trail was stopped, or there is none (any more).

    ATT&CK T1562.008; https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-turning-off-logging.html
    """

    name = "checks.cloud_watch.trail_not_recording"
    title = "Audit trail does not record"
    severity = "high"
    attack = ("T1562.008",)
    remedy = "Start the trail (cloud.start_trail), and look at what was done meanwhile."
    collect = cloud_trails

    def evaluate(self, fact: Trails, look: Look) -> Iterable[Finding]:
        another = any(trail.recording for trail in fact.trails)
        for trail in fact.trails:
            if not trail.recording:
                new = look.new(trail.stopped_at)
                yield self.finding(
                    ("trail", trail.id),
                    f"{trail.name} does not record"
                    + (f" since {trail.stopped_at:%Y-%m-%d %H:%M}" if trail.stopped_at else ""),
                    at=trail.stopped_at if new else None,
                    # One that was given up long ago for another is not what keeps anything from being seen.
                    severity="critical" if new else "low" if another else None,
                )
        if not fact.trails:
            yield self.finding(
                ("account", fact.account),
                "the account has no trail: nothing is kept for more than 90 days",
                severity="medium",
            )
