"""`measures.cloud.databases_private`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_databases
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import ManagedDatabase
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class DatabasesPrivate(FactMeasure[ManagedDatabase]):
    """No database has an address that the world can reach, whatever its firewall says today.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html
    """

    name = "measures.cloud.databases_private"
    source = cloud_databases

    def subject(self, fact: ManagedDatabase) -> str:
        return fact.name

    def judge(self, fact: ManagedDatabase, look: Look) -> Iterable[str] | None:
        del look
        if fact.public is None:
            raise CannotCheck(f"whether {fact.name} has a public address is not told")
        return ["it has a public address"] if fact.public else []
