"""`measures.entra.applications_registered_by_few`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.tenant_settings import liberties
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import Liberties
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class ApplicationsRegisteredByFew(FactMeasure[Liberties]):
    """Applications are registered by administrators alone.

    https://learn.microsoft.com/entra/identity/role-based-access-control/delegate-app-roles
    """

    name = "measures.entra.applications_registered_by_few"
    source = liberties

    def subject(self, fact: Liberties) -> str:
        del fact
        return "the directory"

    def judge(self, fact: Liberties, look: Look) -> Iterable[str] | None:
        del look
        if fact.registers_applications is None:
            raise CannotCheck("whether everybody may register applications is not told")
        return ["everybody may register applications"] if fact.registers_applications else []
