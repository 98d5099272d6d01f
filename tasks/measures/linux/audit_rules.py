"""`measures.linux.audit_rules`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look


class AuditRules(HostMeasure):
    """The audit daemon runs, and rules tell it what to watch. auditd(8), audit.rules(7)."""

    name = "measures.linux.audit_rules"
    parts = ("units", "contents")

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        if not host.runs("auditd"):
            return ["the audit daemon does not run"]
        rules = [line for _, line in host.settings("/etc/audit/rules.d/") if line.startswith(("-w", "-a"))]
        return [] if rules else ["the audit daemon has no rules"]
