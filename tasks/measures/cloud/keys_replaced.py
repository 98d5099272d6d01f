"""`measures.cloud.keys_replaced`"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.cloud import cloud_users
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import CloudUser
from tenantry.sweep.check import Look


class Days(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    days: int = Field(default=90, ge=1, le=3_650, description="Age that an active key may have")


class KeysReplaced(FactMeasure[CloudUser]):
    """Long-lived access keys are replaced regularly: a copy that somebody made dies with them.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id-credentials-access-keys-update.html
    """

    name = "measures.cloud.keys_replaced"
    Params = Days
    source = cloud_users

    def subject(self, fact: CloudUser) -> str:
        return fact.arn

    def judge(self, fact: CloudUser, look: Look) -> Iterable[str] | None:
        active = [key for key in fact.keys if key.active]
        if not active:
            return None
        oldest = look.now - timedelta(days=self.p.days)
        return [f"{key.id} is of {key.created_at:%Y-%m-%d}" for key in active if key.created_at < oldest]
