"""`checks.cloud_watch.network_log_broken`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_network_logs
from tenantry.capabilities import NetworkLog
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class NetworkLogBroken(Check[NetworkLog]):
    """A flow log delivers nothing, or a log of DNS queries is fed by no network.

    ATT&CK T1562.008; https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-troubleshooting.html
    """

    name = "checks.cloud_watch.network_log_broken"
    title = "Network log says nothing"
    severity = "medium"
    attack = ("T1562.008",)
    remedy = "Put its role, group or bucket back, and see who changed them."
    collect = cloud_network_logs

    def evaluate(self, fact: NetworkLog, look: Look) -> Iterable[Finding]:
        if fact.error or not fact.active:
            yield self.finding(
                ("network_log", fact.id),
                f"the {fact.kind} log {fact.name} in {fact.region} delivers nothing{f': {fact.error}' if fact.error else ''}",
            )
        elif not fact.fed:
            yield self.finding(
                ("network_log", fact.id),
                f"no network feeds the {fact.kind} log {fact.name} in {fact.region}",
                severity="low",
            )
