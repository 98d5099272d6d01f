"""`measures.cloud.databases_enciphered`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_databases
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import ManagedDatabase
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class DatabasesEnciphered(FactMeasure[ManagedDatabase]):
    """What databases keep on disks and in snapshots is enciphered.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.html
    """

    name = "measures.cloud.databases_enciphered"
    source = cloud_databases

    def subject(self, fact: ManagedDatabase) -> str:
        return fact.name

    def judge(self, fact: ManagedDatabase, look: Look) -> Iterable[str] | None:
        del look
        if fact.enciphered is None:
            raise CannotCheck(f"whether {fact.name} is enciphered is not told")
        return [] if fact.enciphered else ["its storage is not enciphered"]
