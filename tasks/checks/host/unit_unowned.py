"""`checks.host.unit_unowned`"""

from __future__ import annotations

from tasks.checks.host._placed import StartedCheck
from tasks.checks.host._signs import base
from tenantry.capabilities.host_survey import PlacedFile


class UnitUnowned(StartedCheck):
    """systemd starts something that no package brought: a service, timer, socket, path, or what was added to one.

    ATT&CK T1543.002, T1053.006; systemd.unit(5). Units of accounts count as well. Where a unit only names another, its own lines say nothing.
    """

    name = "checks.host.unit_unowned"
    title = "A unit of systemd belongs to no package"
    severity = "critical"
    attack = ("T1543.002", "T1053.006")
    remedy = "Look at what it starts and who put it there; if nobody did, run compromised_host for this host."
    areas = ("unit",)
    says = "a unit of systemd"

    def matters(self, file: PlacedFile) -> bool:
        if base(file.path).startswith("snap") or file.path.startswith("/run/"):
            return False
        if "/systemd/system-s" in file.path:  # system-sleep, system-shutdown: scripts
            return bool(file.mode & 0o111)
        return file.path.endswith((".service", ".timer", ".socket", ".path", ".conf")) and (
            "Exec" in (file.content or "Exec") or file.path.endswith((".timer", ".path"))
        )
