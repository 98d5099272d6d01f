"""`checks.cloud_watch.recorder_off`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_recorders
from tenantry.capabilities import Recorder
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class RecorderOff(Check[Recorder]):
    """The recorder of configuration (Config) was stopped.

    ATT&CK T1562.001; https://docs.aws.amazon.com/config/latest/developerguide/stop-start-recorder.html
    """

    name = "checks.cloud_watch.recorder_off"
    title = "Configuration is not recorded"
    severity = "medium"
    attack = ("T1562.001",)
    remedy = "Start the recorder, and see who stopped it."
    collect = cloud_recorders

    def evaluate(self, fact: Recorder, look: Look) -> Iterable[Finding]:
        if not fact.recording:
            new = look.new(fact.stopped_at)
            yield self.finding(
                ("recorder", f"{fact.name}/{fact.region}"),
                f"{fact.name} does not record in {fact.region}"
                + (f" since {fact.stopped_at:%Y-%m-%d}" if fact.stopped_at else ""),
                at=fact.stopped_at if new else None,
                severity="high" if new else None,
            )
