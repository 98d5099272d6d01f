"""`measures.entra.role_told`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.tenant_settings import role_rules
from tasks.measures.entra.access_rule import PRIVILEGED
from tasks.measures.entra.global_administrators import GLOBAL
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import RoleRules
from tenantry.sweep.check import Look


class Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    roles: Literal["privileged", "global", "others"] = Field(
        description="Highly privileged ones; Global Administrator; the rest of them"
    )
    events: tuple[Literal["assigned", "made_eligible", "activated"], ...] = Field(
        min_length=1, description="Of what somebody is told"
    )


class RoleTold(FactMeasure[RoleRules]):
    """When a highly privileged role is given or activated, somebody is told who does not hold it.

    https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-how-to-change-default-settings
    """

    name = "measures.entra.role_told"
    Params = Told
    source = role_rules

    def subject(self, fact: RoleRules) -> str:
        return fact.role_id

    def judge(self, fact: RoleRules, look: Look) -> Iterable[str] | None:
        del look
        concerned = PRIVILEGED if self.p.roles == "privileged" else {GLOBAL}
        if self.p.roles == "others":
            concerned = PRIVILEGED - {GLOBAL}
        if fact.role_id not in concerned:
            return None
        return [
            f"nobody is told when it is {event.replace('_', ' ')}"
            for event in self.p.events
            if not fact.told.get(event)
        ]
