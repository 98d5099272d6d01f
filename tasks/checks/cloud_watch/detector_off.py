"""`checks.cloud_watch.detector_off`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import Detectors, cloud_detectors
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class DetectorOff(Check[Detectors]):
    """A detector (GuardDuty, Security Hub) is switched off, or missing in one region while another has it.

    ATT&CK T1562.001; https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_suspend-disable.html
    """

    name = "checks.cloud_watch.detector_off"
    title = "Detection does not watch"
    severity = "high"
    attack = ("T1562.001",)
    remedy = "Switch it on again, and see who switched it off."
    collect = cloud_detectors

    def evaluate(self, fact: Detectors, look: Look) -> Iterable[Finding]:
        watched = [state.region for state in fact.states if state.enabled]
        for state in fact.states:
            off = state.present and not state.enabled
            if off or (watched and not state.enabled):
                yield self.finding(
                    ("detector", f"{state.service}/{state.region}"),
                    f"{state.service} {'is switched off' if off else 'is missing'} in {state.region}"
                    + (f", and watches {', '.join(watched)}" if watched else ""),
                    severity=None if off else "low",
                )
