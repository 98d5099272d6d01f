"""`measures.cloud.recorder_whole`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_recorders
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import Recorder
from tenantry.sweep.check import Look


class RecorderWhole(FactMeasure[Recorder]):
    """How every kind of resource is configured is recorded, wherever a recorder is. Whether one is missing says the sweep.

    https://docs.aws.amazon.com/config/latest/developerguide/select-resources.html
    """

    name = "measures.cloud.recorder_whole"
    source = cloud_recorders

    def subject(self, fact: Recorder) -> str:
        return f"{fact.region}/{fact.name}"

    def judge(self, fact: Recorder, look: Look) -> Iterable[str] | None:
        del look
        wrong = [] if fact.recording else ["it does not record"]
        return wrong + ([] if fact.everything else ["it records a choice of kinds only"])
