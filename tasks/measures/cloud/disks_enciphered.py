"""`measures.cloud.disks_enciphered`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_defaults
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import RegionDefaults
from tenantry.sweep.check import Look


class DisksEnciphered(FactMeasure[RegionDefaults]):
    """Disks that are made from now on are enciphered, whoever makes them.

    https://docs.aws.amazon.com/ebs/latest/userguide/encryption-by-default.html
    """

    name = "measures.cloud.disks_enciphered"
    source = cloud_defaults

    def subject(self, fact: RegionDefaults) -> str:
        return fact.region

    def judge(self, fact: RegionDefaults, look: Look) -> Iterable[str] | None:
        del look
        return [] if fact.disks_enciphered else ["new disks are not enciphered by themselves"]
