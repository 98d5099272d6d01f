"""`checks.host.unit_generator_unowned`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks.host._placed import StartedCheck
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding


class UnitGeneratorUnowned(StartedCheck):
    """A generator of systemd, which makes units at each start, belongs to no package.

    ATT&CK T1543.002; systemd.generator(7). Only packages have a reason to bring one.
    """

    name = "checks.host.unit_generator_unowned"
    title = "A generator of systemd belongs to no package"
    severity = "high"
    attack = ("T1543.002",)
    remedy = "Look at what it starts and who put it there; if nobody did, run compromised_host for this host."
    areas = ("generator",)
    says = "a generator of systemd"

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:
        for found in super().judge(host, survey, file, look):
            found.severity = "high" if found.severity in ("medium", "low") else found.severity
            yield found
