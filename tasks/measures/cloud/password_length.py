"""`measures.cloud.password_length`"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.cloud import cloud_password_rules
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import PasswordRules
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class Length(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    characters: int = Field(default=14, ge=1, le=128, description="Of the shortest password that is taken")


class PasswordLength(FactMeasure[PasswordRules]):
    """Passwords of the account's users have a length that nobody guesses.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html
    """

    name = "measures.cloud.password_length"
    Params = Length
    source = cloud_password_rules

    def subject(self, fact: PasswordRules) -> str:
        return fact.account

    def judge(self, fact: PasswordRules, look: Look) -> Iterable[str] | None:
        del look
        if not fact.set_:
            return ["it has no rules for passwords of its own"]
        if fact.shortest is None:
            raise CannotCheck("how long passwords must be is not told")
        return [f"passwords of {fact.shortest} characters are taken"] if fact.shortest < self.p.characters else []
