"""`measures.entra.role_approved`"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.tenant_settings import role_rules
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import RoleRules
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class Role(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    role: str = Field(default="62e90394-69f5-4237-9190-012177145e10", description="Template id; Global Administrator's")


class RoleApproved(FactMeasure[RoleRules]):
    """Nobody activates the strongest role without somebody else's approval.

    https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-how-to-change-default-settings
    """

    name = "measures.entra.role_approved"
    Params = Role
    source = role_rules

    def subject(self, fact: RoleRules) -> str:
        return fact.role_id

    def judge(self, fact: RoleRules, look: Look) -> Iterable[str] | None:
        del look
        if fact.role_id != self.p.role:
            return None
        if fact.approval is None:
            raise CannotCheck("whether activating the role takes approval is not told")
        return [] if fact.approval else ["it is activated without approval"]
