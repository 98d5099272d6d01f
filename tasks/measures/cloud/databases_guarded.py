"""`measures.cloud.databases_guarded`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_databases
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import ManagedDatabase
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class DatabasesGuarded(FactMeasure[ManagedDatabase]):
    """A database is not deleted by one call.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html
    """

    name = "measures.cloud.databases_guarded"
    source = cloud_databases

    def subject(self, fact: ManagedDatabase) -> str:
        return fact.name

    def judge(self, fact: ManagedDatabase, look: Look) -> Iterable[str] | None:
        del look
        if fact.deletion_guarded is None:
            raise CannotCheck(f"whether {fact.name} is guarded against deletion is not told")
        return [] if fact.deletion_guarded else ["one call deletes it"]
