"""`measures.entra.guests_limited`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.tenant_settings import liberties
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import Liberties
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class GuestsLimited(FactMeasure[Liberties]):
    """Guests do not see what members see.

    https://learn.microsoft.com/entra/identity/users/users-restrict-guest-permissions
    """

    name = "measures.entra.guests_limited"
    source = liberties

    def subject(self, fact: Liberties) -> str:
        del fact
        return "the directory"

    def judge(self, fact: Liberties, look: Look) -> Iterable[str] | None:
        del look
        if not fact.guests:
            raise CannotCheck("what guests see is not told")
        return ["guests see what members see"] if fact.guests == "members" else []
