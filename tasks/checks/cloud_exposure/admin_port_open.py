"""`checks.cloud_exposure.admin_port_open`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.cloud import cloud_firewalls
from tenantry.capabilities import Firewall
from tenantry.sweep.check import Check, Look
from tenantry.sweep.logs.aws_meaning import PORTS
from tenantry.sweep.model import Finding

_STREAMS: Final = ("tcp", "all")


class AdminPortOpen(Check[Firewall]):
    """A firewall opens a port for administration or a database to the whole world.

    ATT&CK T1133, T1562.007; https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html (EC2.13, EC2.14)
    """

    name = "checks.cloud_exposure.admin_port_open"
    title = "Administration port open to the world"
    severity = "medium"
    attack = ("T1133", "T1562.007")
    remedy = "Close the port, and look at the machines behind it."
    collect = cloud_firewalls

    def evaluate(self, fact: Firewall, look: Look) -> Iterable[Finding]:
        ports = sorted(
            {
                port
                for opening in fact.openings
                if opening.protocol in _STREAMS
                for port in PORTS
                if opening.first <= port <= opening.last
            }
        )
        if ports:
            yield self.finding(
                ("firewall", fact.id),
                f"{fact.name} in {fact.region} opens {', '.join(map(str, ports))} to every address",
                ports=ports,
            )
