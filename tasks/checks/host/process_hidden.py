"""`checks.host.process_hidden`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class ProcessHidden(Check[SurveyedHost]):
    """A process answers and is in no list, or something lies over its folder in /proc.

    ATT&CK T1564.001, T1014.
    """

    name = "checks.host.process_hidden"
    title = "A process hides"
    severity = "critical"
    attack = ("T1564.001", "T1014")
    remedy = "Have the host's memory and disk looked at from outside: what its programs say cannot be believed."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:  # the contract's
        survey = fact.seen()
        for pid in survey.hidden:
            yield self.finding(
                ("host", fact.name),
                f"process {pid} is there and hidden from who lists processes",
                event_ids=(f"pid {pid}",),
            )
        fact.have("hidden")
