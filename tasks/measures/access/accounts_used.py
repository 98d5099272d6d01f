"""`measures.access.accounts_used`"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.people import account_uses
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import AccountUse
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class Days(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    days: int = Field(default=90, ge=1, le=3_650, description="For how long an account may lie unused")


class AccountsUsed(FactMeasure[AccountUse]):
    """Accounts that nobody uses are switched off. Those that are kept for emergencies lie unused on purpose.

    https://learn.microsoft.com/entra/identity/monitoring-health/howto-manage-inactive-user-accounts
    """

    name = "measures.access.accounts_used"
    Params = Days
    source = account_uses

    def subject(self, fact: AccountUse) -> str:
        return fact.upn

    def judge(self, fact: AccountUse, look: Look) -> Iterable[str] | None:
        if not fact.enabled or not {fact.upn, fact.id.lower()}.isdisjoint(look.known.emergency):
            return None
        last = max((at for at in (fact.used_at, fact.created_at) if at is not None), default=None)
        if last is None:
            raise CannotCheck(f"neither when {fact.upn} was made nor when it was used last is told")
        if last >= look.now - timedelta(days=self.p.days):
            return []
        return [f"not used since {fact.used_at:%Y-%m-%d}" if fact.used_at else f"never used since {last:%Y-%m-%d}"]
