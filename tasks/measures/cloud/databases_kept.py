"""`measures.cloud.databases_kept`"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.cloud import cloud_databases
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import ManagedDatabase
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class Days(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    days: int = Field(default=7, ge=1, le=35, description="For how long backups are kept at least")


class DatabasesKept(FactMeasure[ManagedDatabase]):
    """Databases can be had back as they were at any moment of the last days.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.BackupRetention.html
    """

    name = "measures.cloud.databases_kept"
    Params = Days
    source = cloud_databases

    def subject(self, fact: ManagedDatabase) -> str:
        return fact.name

    def judge(self, fact: ManagedDatabase, look: Look) -> Iterable[str] | None:
        del look
        if fact.kept_days is None:
            raise CannotCheck(f"for how long {fact.name} can be had back is not told")
        if fact.kept_days == 0:
            return ["no automatic backups are made"]
        return [f"its backups are kept for {fact.kept_days} days"] if fact.kept_days < self.p.days else []
