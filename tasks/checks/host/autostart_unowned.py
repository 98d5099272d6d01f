"""`checks.host.autostart_unowned`"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tasks.checks.host._placed import StartedCheck
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding


class AutostartUnowned(StartedCheck):
    """A desktop starts a program at each sign-in that no package brought.

    ATT&CK T1547.013; Desktop Application Autostart Specification.
    """

    name = "checks.host.autostart_unowned"
    title = "A desktop's autostart is an intruder's"
    severity = "critical"
    attack = ("T1547.013",)
    remedy = "Look at what it starts and who put it there; if nobody did, run compromised_host for this host."
    areas = ("autostart",)
    says = "started at each sign-in to a desktop"

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:
        yield from super().judge(host, survey, file, look)
        for program in re.findall(r"^\s*Exec\s*=\s*(/\S+)", file.content or "", re.MULTILINE):
            if (
                re.search(r"^/(?:home/[^/]+|root)/(?:[^/]+/)*\.[^/]+(?<!/\.local)/", program)
                and "/.local/bin/" not in program
            ):
                yield self.placed(host, file, f"{file.path} starts {program} out of a hidden folder", "medium")

    def matters(self, file: PlacedFile) -> bool:
        return file.path.startswith("/etc/") and file.path.endswith(".desktop")
