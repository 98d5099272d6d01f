"""`measures.linux.password_hashing`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

_STRONG: Final = ("yescrypt", "gost-yescrypt", "scrypt", "bcrypt", "blowfish", "sha512", "sha256")
_WEAK: Final = ("md5", "bigcrypt", "des")


class PasswordHashing(HostMeasure):
    """New passwords are kept so that they are costly to guess. crypt(5); login.defs(5), ENCRYPT_METHOD; pam_unix(8)."""

    name = "measures.linux.password_hashing"
    parts = ("contents",)

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        named = [
            line.split()[1].lower()
            for _, line in host.settings("/etc/login.defs")
            if line.split()[0] == "ENCRYPT_METHOD" and len(line.split()) > 1
        ]
        pam = [
            part.lower()
            for _, line in host.settings(
                "/etc/pam.d/common-password", "/etc/pam.d/system-auth", "/etc/pam.d/password-auth"
            )
            if "pam_unix.so" in line
            for part in line.split()
            if part.lower() in (*_STRONG, *_WEAK)
        ]
        found = pam or named
        if not found:
            return None
        return [f"passwords are kept as {one}" for one in dict.fromkeys(found) if one not in _STRONG]
