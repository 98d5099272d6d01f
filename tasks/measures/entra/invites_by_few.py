"""`measures.entra.invites_by_few`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.tenant_settings import liberties
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import Liberties
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class InvitesByFew(FactMeasure[Liberties]):
    """Guests are invited by those alone whose task it is.

    https://learn.microsoft.com/entra/external-id/external-collaboration-settings-configure
    """

    name = "measures.entra.invites_by_few"
    source = liberties

    def subject(self, fact: Liberties) -> str:
        del fact
        return "the directory"

    def judge(self, fact: Liberties, look: Look) -> Iterable[str] | None:
        del look
        if not fact.invites:
            raise CannotCheck("who may invite guests is not told")
        few = fact.invites in ("none", "adminsAndGuestInviters")
        return [] if few else [f"guests are invited by more than those whose task it is ({fact.invites})"]
