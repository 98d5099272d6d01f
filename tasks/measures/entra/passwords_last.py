"""`measures.entra.passwords_last`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.access import directory_domains
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import DirectoryDomain
from tenantry.sweep.check import Look

_NEVER: Final = 2_147_483_647


class PasswordsLast(FactMeasure[DirectoryDomain]):
    """Passwords are not asked to be changed for being old: people who must change them choose worse ones. NIST SP 800-63B section 3.1.1.

    https://learn.microsoft.com/graph/api/resources/domain
    """

    name = "measures.entra.passwords_last"
    source = directory_domains

    def subject(self, fact: DirectoryDomain) -> str:
        return fact.name

    def judge(self, fact: DirectoryDomain, look: Look) -> Iterable[str] | None:
        del look
        if fact.federated or not fact.verified:
            return None
        days = fact.raw.get("passwordValidityPeriodInDays")
        if days is None:
            return []  # the vendor's default: never
        return [f"passwords end after {days} days"] if int(days) < _NEVER else []
