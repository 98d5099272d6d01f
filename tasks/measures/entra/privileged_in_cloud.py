"""`measures.entra.privileged_in_cloud`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.roles import PrivilegedHolder, privileged_holders
from tasks.measures.entra.access_rule import PRIVILEGED
from tenantry.baseline.measure import FactMeasure
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class PrivilegedInCloud(FactMeasure[PrivilegedHolder]):
    """Who holds a highly privileged role, or may activate it, has an account of the cloud's own: whoever takes the network over does not have the
    directory with it.

    https://learn.microsoft.com/entra/architecture/protect-m365-from-on-premises-attacks
    """

    name = "measures.entra.privileged_in_cloud"
    source = privileged_holders

    def subject(self, fact: PrivilegedHolder) -> str:
        return fact.name

    def judge(self, fact: PrivilegedHolder, look: Look) -> Iterable[str] | None:
        del look
        if not fact.roles & PRIVILEGED:
            return None
        if fact.synced is None:
            raise CannotCheck("who is in the groups that hold such roles was not looked at")
        return ["the account is synced from the network"] if fact.synced else []
