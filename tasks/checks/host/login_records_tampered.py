"""`checks.host.login_records_tampered`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding, Severity

_SAID: Final = {
    "zeroed": "has entries that were wiped",
    "backwards": "has entries that are older than those before them",
    "linked_away": "leads to a device that keeps nothing",
    "broken": "is not made of whole entries",
    "forgotten": "says that they never signed in, and wtmp that they did",
}


class LoginRecordsTampered(Check[SurveyedHost]):
    """Who signed in was wiped from the records.

    ATT&CK T1070.002, T1070.003; utmp(5). An empty file is what logrotate leaves; entries of zeros among others, and logs that lead to /dev/null, are not.
    """

    name = "checks.host.login_records_tampered"
    title = "Records of sign-ins were tampered with"
    severity = "high"
    attack = ("T1070.002", "T1070.003")
    remedy = "Take the sign-ins from another log (journal, the firewall's); run compromised_host for this host."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:  # the contract's
        survey = fact.seen()
        for odd in survey.records.odd:
            history = odd.path.endswith("_history")
            severity: Severity = "medium" if history or odd.kind in ("backwards", "broken", "forgotten") else "high"
            times = f" ({odd.count} times)" if odd.count > 1 else ""
            yield self.finding(
                ("host", fact.name),
                f"{odd.path} {_SAID[odd.kind]}{times}",
                at=odd.at,
                severity=severity,
                event_ids=(f"{odd.path} {odd.kind}",),
            )
        fact.have("records")
