"""`checks.cloud_watch.trail_narrowed`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.cloud import Trails, cloud_trails
from tenantry.capabilities import WatchedTrail
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding

_USUAL: Final = frozenset({"kms.amazonaws.com", "rdsdata.amazonaws.com"})
"""What the console offers to leave out, because there is so much of it."""


class TrailNarrowed(Check[Trails]):
    """No trail records all management events of all regions: those that there are leave something out.

    ATT&CK T1562.008; https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html
    """

    name = "checks.cloud_watch.trail_narrowed"
    title = "Audit trail leaves something out"
    severity = "high"
    attack = ("T1562.008",)
    remedy = "Put the trail's event selectors back to all management events."
    collect = cloud_trails

    def evaluate(self, fact: Trails, look: Look) -> Iterable[Finding]:
        recording = [trail for trail in fact.trails if trail.recording]
        if any(_whole(trail) for trail in recording):
            return
        if any(trail.writes is None for trail in recording):
            raise CannotCheck("what the organisation's trail records may not be read from this account")
        for trail in recording:
            missing = [
                what
                for what, there in (
                    ("events that change something", trail.writes),
                    ("events that read", trail.reads),
                    ("other regions", trail.every_region),
                    ("sign-ins and identities", trail.global_services),
                )
                if not there
            ]
            missing += [source for source in trail.excluded if source not in _USUAL]
            yield self.finding(
                ("trail", trail.id),
                f"{trail.name} leaves out {', '.join(missing)}",
                severity=None if not trail.writes or not trail.global_services else "medium",
                missing=missing,
            )


def _whole(trail: WatchedTrail) -> bool:
    wide = trail.every_region and trail.global_services and not set(trail.excluded) - _USUAL
    return bool(wide and trail.reads and trail.writes)
