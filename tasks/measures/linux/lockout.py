"""`measures.linux.lockout`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

_AUTH: Final = ("/etc/pam.d/common-auth", "/etc/pam.d/system-auth", "/etc/pam.d/password-auth")
_MODULES: Final = ("pam_faillock.so", "pam_tally2.so")


class Tries(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    at_most: int = Field(default=10, ge=1, le=100, description="Wrong passwords after which an account rests")


class Lockout(HostMeasure):
    """After several wrong passwords an account rests. pam_faillock(8). A host on which no password counts has nothing to guess."""

    name = "measures.linux.lockout"
    Params = Tries
    parts = ("contents", "accounts")

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        if not any(one.by_password(look.now.date()) for one in host.accounts):
            return None
        lines = [line for _, line in host.settings(*_AUTH)]
        if not lines:
            return ["nothing says how passwords are checked"]
        if not any(module in line for line in lines for module in _MODULES):
            return ["wrong passwords may be tried without end"]
        deny = 3  # pam_faillock's own
        for _, line in host.settings("/etc/security/faillock.conf"):
            key, _, value = line.partition("=")
            if key.strip() == "deny" and value.strip().isdigit():
                deny = int(value)
        told = [part[5:] for line in lines for part in line.split() if part.startswith("deny=") and part[5:].isdigit()]
        deny = max([int(one) for one in told] or [deny])
        return [] if 0 < deny <= self.p.at_most else [f"{deny or 'endlessly many'} wrong passwords are taken"]
