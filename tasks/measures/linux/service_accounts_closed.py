"""`measures.linux.service_accounts_closed`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

_PEOPLE: Final = 1000
"""From here on numbers are people's; login.defs(5), UID_MIN."""


class ServiceAccountsClosed(HostMeasure):
    """Accounts that programs run as let nobody sign in: they have no shell, or no password that works."""

    name = "measures.linux.service_accounts_closed"
    parts = ("accounts",)

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        return [
            f"{one.id} has the shell {one.shell} and a password"
            for one in host.accounts
            if 0 < one.uid < _PEOPLE and one.password in ("set", "none") and one.open(look.now.date())
        ]
