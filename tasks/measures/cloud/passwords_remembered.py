"""`measures.cloud.passwords_remembered`"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.cloud import cloud_password_rules
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import PasswordRules
from tenantry.sweep.check import Look


class Earlier(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    passwords: int = Field(default=24, ge=1, le=24, description="Earlier ones that are not taken again")


class PasswordsRemembered(FactMeasure[PasswordRules]):
    """A password that is known to others does not come back by turns.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html
    """

    name = "measures.cloud.passwords_remembered"
    Params = Earlier
    source = cloud_password_rules

    def subject(self, fact: PasswordRules) -> str:
        return fact.account

    def judge(self, fact: PasswordRules, look: Look) -> Iterable[str] | None:
        del look
        if not fact.set_:
            return ["it has no rules for passwords of its own"]
        kept = fact.remembered or 0
        return [f"of earlier passwords {kept} are refused"] if kept < self.p.passwords else []
