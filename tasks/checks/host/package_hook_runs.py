"""`checks.host.package_hook_runs`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tasks.checks.host._placed import PlacedCheck
from tasks.checks.host._signs import shown, sign_of_command
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding

_HOOK: Final = re.compile(
    r"\b(?:DPkg|APT)(?:::[\w-]{1,40}){0,4}::(?:Pre|Post)-[\w-]{1,40}\b[^;{]{0,500}(?:\{[^}]{0,2000}\}|;)|^(?:pre|post)-invoke\s*=.*$|\bcommand\s*=.*$"
    r"|\b(?:Pre|Post)-(?:Invoke|Install-Pkgs)[\w-]{0,40}\s{0,20}(?:\{[^}]{0,2000}\}|\"[^\"]{0,2000}\")",
    re.IGNORECASE | re.MULTILINE,
)
_PROGRAM: Final = re.compile(r"(?:^|[;&|(]\s*|\bif\s+|\bthen\s+)(/[^\s;&|()]+)")


class PackageHookRuns(PlacedCheck):
    """apt, dpkg or dnf starts something that no package brought.

    ATT&CK T1546.016; apt.conf(5), ``Pre-Invoke`` and ``Post-Invoke``; dpkg(1); DNF plugins. What only calls programs of packages is what administrators and
    images for containers write.
    """

    name = "checks.host.package_hook_runs"
    title = "A hook of the package manager is an intruder's"
    severity = "critical"
    attack = ("T1546.016",)
    remedy = "Look at what it starts and who put it there; if nobody did, run compromised_host for this host."
    areas = ("packages",)

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:
        owned = survey.owner(file.path) is not None
        if file.path.endswith(".py") and "-plugins/" in file.path:
            if owned:
                return
            yield self.placed(host, file, f"the plugin {file.path} belongs to no package", "high")
            return
        content = re.sub(r"/\*.{0,2000}?\*/|^\s*(?://|#)[^\n]*", "", file.content or "", flags=re.DOTALL | re.MULTILINE)
        for hook in _HOOK.findall(content):
            for command in re.findall(r"\"((?:[^\"\\]|\\.)*)\"", hook) or [hook.partition("=")[2]]:
                found = sign_of_command(command)
                unpackaged = [one for one in _PROGRAM.findall(command) if survey.owner(one) is None]
                if found is not None:
                    yield self.placed(host, file, f"{file.path} {found}: {shown(command)}")
                elif unpackaged and not owned and look.new(file.changed_at):
                    yield self.placed(
                        host, file, f"{file.path} starts {unpackaged[0]}, which belongs to no package", "medium"
                    )
