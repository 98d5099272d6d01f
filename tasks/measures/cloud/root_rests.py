"""`measures.cloud.root_rests`"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.cloud import cloud_root
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import RootUser
from tenantry.sweep.check import Look


class Days(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    days: int = Field(default=90, ge=1, le=3_650, description="For how long it has not been used")


class RootRests(FactMeasure[RootUser]):
    """The account's root user is not used: it is for what nobody else can do.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html
    """

    name = "measures.cloud.root_rests"
    Params = Days
    source = cloud_root

    def subject(self, fact: RootUser) -> str:
        return fact.account

    def judge(self, fact: RootUser, look: Look) -> Iterable[str] | None:
        since = look.now - timedelta(days=self.p.days)
        used = max((at for at in (fact.password_used_at, fact.key_used_at) if at is not None), default=None)
        return [f"it was used on {used:%Y-%m-%d}"] if used is not None and used >= since else []
