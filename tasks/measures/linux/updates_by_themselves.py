"""`measures.linux.updates_by_themselves`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

_APT: Final = re.compile(r'^(?:APT::Periodic::)?Unattended-Upgrade\s+"?(\w+)"?', re.IGNORECASE)
_TIMERS: Final = ("dnf-automatic.timer", "dnf-automatic-install.timer", "dnf5-automatic.timer", "yum-cron.service")


class UpdatesByThemselves(HostMeasure):
    """Security updates are installed without anybody having to think of it. unattended-upgrades(8), dnf-automatic(8)."""

    name = "measures.linux.updates_by_themselves"
    parts = ("contents", "packages", "units")

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        told = "off"
        for _, line in host.settings("/etc/apt/apt.conf", "/etc/apt/apt.conf.d/"):
            found = _APT.search(line)
            told = found[1] if found else told
        if "unattended-upgrades" in host.packages and told not in ("off", "0", "false", "no"):
            timer = host.units.get("apt-daily-upgrade.timer")
            return [] if timer is not None and timer.active else ["apt-daily-upgrade.timer does not run"]
        timers = [unit for name in _TIMERS if (unit := host.units.get(name)) is not None and unit.active]
        if not timers:
            return ["nothing installs updates by itself"]
        applies = any(
            line.replace(" ", "") in ("apply_updates=yes", "apply_updates=true", "apply_updates=1")
            for _, line in host.settings("/etc/dnf/automatic.conf")
        )
        installs = applies or any(unit.id in ("dnf-automatic-install.timer", "yum-cron.service") for unit in timers)
        return [] if installs else ["updates are fetched, and not installed"]
