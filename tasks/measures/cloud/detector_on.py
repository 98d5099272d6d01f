"""`measures.cloud.detector_on`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.cloud import Detectors, cloud_detectors
from tenantry.baseline.measure import FactMeasure
from tenantry.sweep.check import Look


class Service(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    service: Annotated[str, Field(pattern=r"^[a-z]+$", description="guardduty or securityhub")]


class DetectorOn(FactMeasure[Detectors]):
    """The vendor's own detector is on in every region that is looked at.

    https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_regions.html
    """

    name = "measures.cloud.detector_on"
    Params = Service
    source = cloud_detectors

    def subject(self, fact: Detectors) -> str:
        return fact.service

    def judge(self, fact: Detectors, look: Look) -> Iterable[str] | None:
        del look
        if fact.service != self.p.service:
            return None
        return [f"{state.region}: it is off" for state in fact.states if not state.enabled]
