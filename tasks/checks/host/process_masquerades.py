"""`checks.host.process_masquerades`"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._signs import shown
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class ProcessMasquerades(Check[SurveyedHost]):
    """A program calls itself a thread of the kernel.

    ATT&CK T1036.004. Threads of the kernel are children of process 2, have no file and no arguments, and stand in brackets for that.
    """

    name = "checks.host.process_masquerades"
    title = "A program calls itself a thread of the kernel"
    severity = "high"
    attack = ("T1036.004",)
    remedy = "Look at what it is and who put it there; if nobody did, run compromised_host for this host."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:  # the contract's
        survey = fact.seen()
        for process in survey.processes:
            title = process.arguments[0] if process.arguments else ""
            claims = re.fullmatch(r"\[[^\]]+\]", title) is not None or (
                re.match(r"(?:kworker|kthreadd|ksoftirqd|migration|rcu_|kswapd|kblockd)[/:0-9]", process.name)
                is not None
            )
            if claims and process.executable and process.pid != 2 and process.parent != 2:
                yield self.finding(
                    ("host", fact.name),
                    f"process {process.pid} of {process.account} calls itself {shown(title or process.name, 60)} and runs from {process.executable}",
                    event_ids=(process.id,),
                )
        fact.have("processes")
