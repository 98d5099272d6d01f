"""`measures.linux.clock_synchronised`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

_DAEMONS: Final = ("chrony", "chronyd", "systemd-timesyncd", "ntp", "ntpd", "ntpsec", "openntpd")


class ClockSynchronised(HostMeasure):
    """A daemon keeps the clock, and the kernel says that it is right: times in logs are worth what the clock is worth. timedatectl(1)."""

    name = "measures.linux.clock_synchronised"
    parts = ("units", "clock")

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        if not host.runs(*_DAEMONS):
            return ["nothing keeps its clock"]
        return [] if host.synchronised else ["its clock is not synchronised, although a daemon runs that should"]
