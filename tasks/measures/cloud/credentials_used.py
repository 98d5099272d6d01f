"""`measures.cloud.credentials_used`"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.cloud import cloud_users
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import CloudUser
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class Days(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    days: int = Field(default=90, ge=1, le=3_650, description="For how long a credential may lie unused")


class CredentialsUsed(FactMeasure[CloudUser]):
    """Keys and passwords that nobody uses are switched off.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_finding-unused.html
    """

    name = "measures.cloud.credentials_used"
    Params = Days
    source = cloud_users

    def subject(self, fact: CloudUser) -> str:
        return fact.arn

    def judge(self, fact: CloudUser, look: Look) -> Iterable[str] | None:
        active = [key for key in fact.keys if key.active]
        if fact.password is None:
            raise CannotCheck(f"whether {fact.arn} has a password is not told")
        if not active and not fact.password:
            return None
        since = look.now - timedelta(days=self.p.days)
        wrong = [
            f"{key.id} was {'not used since ' + f'{key.last_used_at:%Y-%m-%d}' if key.last_used_at else 'never used'}"
            for key in active
            if max(key.created_at, key.last_used_at or key.created_at) < since
        ]
        seen = max(at for at in (fact.created_at, fact.password_changed_at, fact.password_used_at) if at is not None)
        if fact.password and seen < since:
            wrong.append(f"its password was not used since {seen:%Y-%m-%d}")
        return wrong
