"""`checks.host.network_hook_unowned`"""

from __future__ import annotations

from tasks.checks.host._placed import StartedCheck
from tenantry.capabilities.host_survey import PlacedFile


class NetworkHookUnowned(StartedCheck):
    """A script that is run when the network comes or goes belongs to no package.

    ATT&CK T1546; NetworkManager-dispatcher(8), interfaces(5), dhclient-script(8).
    """

    name = "checks.host.network_hook_unowned"
    title = "A hook of the network belongs to no package"
    severity = "critical"
    attack = ("T1546",)
    remedy = "Look at what it starts and who put it there; if nobody did, run compromised_host for this host."
    areas = ("network",)
    says = "run as root when the network changes"

    def matters(self, file: PlacedFile) -> bool:
        return bool(file.mode & 0o111) and ("hooks.d/" in file.path or ".d/" in file.path)
