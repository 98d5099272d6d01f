"""`measures.linux.packages_signed`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

_APT: Final = re.compile(
    r'(AllowUnauthenticated|AllowInsecureRepositories|AllowDowngradeToInsecureRepositories)\s+"?(1|true|yes)',
    re.IGNORECASE,
)
_RPM: Final = re.compile(r"^(gpgcheck|localpkg_gpgcheck)\s*=\s*(0|no|false)", re.IGNORECASE)


class PackagesSigned(HostMeasure):
    """Only packages whose signature was checked are installed. apt-secure(8), dnf.conf(5)."""

    name = "measures.linux.packages_signed"
    parts = ("contents",)

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        wrong = [
            f"{path}: {line[:120]}"
            for path, line in host.settings("/etc/apt/apt.conf", "/etc/apt/apt.conf.d/")
            if _APT.search(line) and not line.startswith("//")
        ]
        return wrong + [
            f"{path}: {line[:120]}"
            for path, line in host.settings("/etc/dnf/dnf.conf", "/etc/yum.conf", "/etc/yum.repos.d/")
            if _RPM.search(line) and not line.startswith("localpkg")
        ]
