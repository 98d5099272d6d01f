"""`measures.entra.consent_restricted`"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.tenant_settings import liberties
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import Liberties
from tenantry.sweep.check import Look


class Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    allowed: tuple[str, ...] = Field(default=("microsoft-user-default-low",), description="Rules by which they may")


class ConsentRestricted(FactMeasure[Liberties]):
    """People do not give their data to any application that asks for it.

    https://learn.microsoft.com/entra/identity/enterprise-apps/configure-user-consent
    """

    name = "measures.entra.consent_restricted"
    Params = Rules
    source = liberties

    def subject(self, fact: Liberties) -> str:
        del fact
        return "the directory"

    def judge(self, fact: Liberties, look: Look) -> Iterable[str] | None:
        del look
        wide = [one for one in fact.consents if one not in self.p.allowed]
        return [f"people may consent for themselves by the rule {one}" for one in wide]
