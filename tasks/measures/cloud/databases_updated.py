"""`measures.cloud.databases_updated`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_databases
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import ManagedDatabase
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class DatabasesUpdated(FactMeasure[ManagedDatabase]):
    """Small new versions of databases, which close holes, are installed by themselves.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Upgrading.html
    """

    name = "measures.cloud.databases_updated"
    source = cloud_databases

    def subject(self, fact: ManagedDatabase) -> str:
        return fact.name

    def judge(self, fact: ManagedDatabase, look: Look) -> Iterable[str] | None:
        del look
        if fact.updates_itself is None:
            raise CannotCheck(f"whether {fact.name} updates itself is not told")
        return [] if fact.updates_itself else ["small new versions wait for somebody"]
