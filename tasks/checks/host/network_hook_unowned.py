"""`checks.host.network_hook_unowned`"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tasks.checks.host._placed import StartedCheck
from tasks.checks.host._signs import shown, sign_of_command
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding


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

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:
        yield from super().judge(host, survey, file, look)
        if not file.path.startswith("/etc/network/interfaces"):
            return
        for command in re.findall(r"^\s*(?:pre-|post-)?(?:up|down)\s+(.+)$", file.content or "", re.MULTILINE):
            found = sign_of_command(command)
            if found is not None:
                yield self.placed(host, file, f"{file.path} {found}: {shown(command)}", "critical")
