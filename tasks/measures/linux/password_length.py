"""`measures.linux.password_length`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

_PASSWORD: Final = ("/etc/pam.d/common-password", "/etc/pam.d/system-auth", "/etc/pam.d/password-auth")


class Length(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    at_least: int = Field(default=14, ge=6, le=128, description="Characters of a new password")


class PasswordLength(HostMeasure):
    """New passwords are long enough. pam_pwquality(8), NIST SP 800-63B section 3.1.1. A host on which no password counts takes none."""

    name = "measures.linux.password_length"
    Params = Length
    parts = ("contents", "accounts")

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        if not any(one.by_password(look.now.date()) for one in host.accounts):
            return None
        lines = [line for _, line in host.settings(*_PASSWORD)]
        least = 0
        if any("pam_pwquality.so" in line for line in lines):
            least = 8  # its own
            for _, line in host.settings("/etc/security/pwquality.conf", "/etc/security/pwquality.conf.d/"):
                key, _, value = line.partition("=")
                if key.strip() == "minlen" and value.strip().isdigit():
                    least = int(value)
        told = [
            part[7:] for line in lines for part in line.split() if part.startswith("minlen=") and part[7:].isdigit()
        ]
        least = max([least, *map(int, told)])
        return [] if least >= self.p.at_least else [f"a password may have {least or 'any number of'} characters"]
