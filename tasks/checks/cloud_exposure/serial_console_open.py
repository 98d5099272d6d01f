"""`checks.cloud_exposure.serial_console_open`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import Consoles, cloud_consoles
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class SerialConsoleOpen(Check[Consoles]):
    """Instances' serial consoles may be opened, past every firewall. Off unless somebody switched it on.

    ATT&CK T1021.004; https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configure-access-to-serial-console.html
    """

    name = "checks.cloud_exposure.serial_console_open"
    title = "Serial consoles may be opened"
    severity = "low"
    attack = ("T1021.004",)
    remedy = "Switch it off, unless it is used."
    collect = cloud_consoles

    def evaluate(self, fact: Consoles, look: Look) -> Iterable[Finding]:
        for region in fact.regions:
            yield self.finding(("region", region), f"serial consoles may be opened in {region}")
