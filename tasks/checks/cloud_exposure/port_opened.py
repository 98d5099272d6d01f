"""`checks.cloud_exposure.port_opened`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class PortOpened(LogCheck):
    """A port for administration or a database was opened to the world.

    ATT&CK T1562.007, T1133; https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html
    """

    name = "checks.cloud_exposure.port_opened"
    title = "Port opened to the world"
    severity = "high"
    attack = ("T1562.007", "T1133")
    remedy = "Close the port, and look at the machines behind it."
    collect = cloud_events
    rules = ("aws_admin_port_open",)
