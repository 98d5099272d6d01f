"""`measures.linux.passwords_set`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class PasswordsSet(HostMeasure):
    """No account can be used with an empty password. passwd(1), -S."""

    name = "measures.linux.passwords_set"
    parts = ("accounts",)

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        wrong = [f"{one.id} has no password" for one in host.accounts if one.password in ("none",)]
        unsaid = [
            one.id for one in host.accounts if one.password not in ("set", "locked") and one.open(look.now.date())
        ]
        if unsaid and not wrong:
            raise CannotCheck(f"{host.host}: whether {', '.join(unsaid[:5])} has a password is not said")
        return wrong
