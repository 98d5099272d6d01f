"""`measures.linux.confined`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look


class Confined(HostMeasure):
    """AppArmor or SELinux is on and enforces: a program that is taken over may still not do everything. apparmor(7), selinux(8)."""

    name = "measures.linux.confined"
    parts = ("confinement",)

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        if any(host.confinement.values()):
            return []
        return [f"{', '.join(host.confinement)} enforces nothing" if host.confinement else "it has neither"]
