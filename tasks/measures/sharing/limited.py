"""`measures.sharing.limited`"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.tenant_settings import sharing
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import Sharing
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class Reach(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    allowed: tuple[str, ...] = Field(
        default=("disabled", "existingExternalUserSharingOnly"), description="With whom, by the vendor's words"
    )


class Limited(FactMeasure[Sharing]):
    """Files are shared with nobody outside, or with guests who are there already.

    https://learn.microsoft.com/graph/api/resources/sharepointsettings
    """

    name = "measures.sharing.limited"
    Params = Reach
    source = sharing

    def subject(self, fact: Sharing) -> str:
        del fact
        return "SharePoint"

    def judge(self, fact: Sharing, look: Look) -> Iterable[str] | None:
        del look
        if not fact.reach:
            raise CannotCheck("with whom files may be shared is not said")
        return [] if fact.reach in self.p.allowed else [f"files may be shared as far as {fact.reach}"]
