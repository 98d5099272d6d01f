"""A question that is put to each Linux host."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from tasks.checks._collect.postures import PosturedHost, host_postures
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

__all__ = ["HostMeasure"]


class HostMeasure(FactMeasure[PosturedHost]):
    """Attributes:
    parts: of the posture, that it cannot be answered without.
    """

    source = host_postures
    parts: ClassVar[tuple[str, ...]] = ()

    def subject(self, fact: PosturedHost) -> str:
        return fact.name

    def judge(self, fact: PosturedHost, look: Look) -> Iterable[str] | None:
        return self.of(fact.have(*self.parts), look)

    @abstractmethod
    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        """What is wrong with one host; as :meth:`FactMeasure.judge`."""
