"""`measures.entra.global_administrators`"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.roles import role_holdings
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.capabilities import RoleHolding
from tenantry.sweep.check import Look

GLOBAL: Final = "62e90394-69f5-4237-9190-012177145e10"
"""The role's template id."""


class Count(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    least: int = Field(default=2, ge=1, description="So that the account does not depend on one person")
    most: int = Field(default=8, ge=1, description="Accounts that may do everything")


class GlobalAdministrators(WholeMeasure[RoleHolding]):
    """As many accounts as are needed, and no more, are Global Administrator, or may become it.

    https://learn.microsoft.com/entra/identity/role-based-access-control/best-practices
    """

    name = "measures.entra.global_administrators"
    Params = Count
    source = role_holdings

    def wants(self, fact: RoleHolding, look: Look) -> bool:
        del look
        return fact.role_id == GLOBAL or fact.role == "Global Administrator"

    def evaluate(self, facts: list[RoleHolding], look: Look, seen: int) -> Verdict:
        del look, seen
        groups = tuple(sorted({one.principal for one in facts if one.kind == "group"}))
        people = {one.principal_id: one.principal for one in facts if one.kind != "group"}
        if not facts:
            return Verdict("unknown", "no Global Administrator could be seen, and every directory has one")
        names = tuple(sorted(people.values()))
        if len(people) > self.p.most:
            return Verdict(
                "fail", f"{len(people)} are Global Administrator, more than {self.p.most}", names, len(facts)
            )
        if groups:
            return Verdict("unknown", "who is in the groups that hold the role was not looked at", groups, len(facts))
        if len(people) < self.p.least:
            return Verdict(
                "fail", f"{len(people)} is Global Administrator, fewer than {self.p.least}", names, len(facts)
            )
        return Verdict("pass", f"{len(people)} are Global Administrator", (), len(facts))
