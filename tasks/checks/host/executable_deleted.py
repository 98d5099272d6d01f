"""`checks.host.executable_deleted`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._signs import hidden_place, shown
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding, Severity

_BY_DESIGN: Final = (
    "/memfd:runc_cloned:",
    "/memfd:crun",
    "/memfd:runsc",
    "/memfd:wayland",
    "/memfd:pulseaudio",
    "/memfd:snapd-env",
)
"""What container runtimes start, so that a container cannot write to the real file."""


class ExecutableDeleted(Check[SurveyedHost]):
    """A process runs from a file that is gone.

    ATT&CK T1070.004, T1620. After an update the file of a package is there again, or of one that went; a program in memory alone has no file at all.
    """

    name = "checks.host.executable_deleted"
    title = "A running program's file is gone"
    severity = "high"
    attack = ("T1070.004", "T1620")
    remedy = "Keep its image (host.collect_process), look at its connections, then run compromised_host for this host."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:
        survey = fact.have("owners")
        for process in survey.processes:
            if not process.deleted or survey.owner(process.executable) is not None:
                continue
            memory = process.executable.startswith(("/memfd:", "/dev/zero", "/SYSV")) or process.executable == "/"
            if memory and process.executable.startswith(_BY_DESIGN):
                continue
            place = hidden_place(process.executable)
            severity: Severity = (
                "critical" if place else "high" if memory else "medium" if look.new(process.started_at) else "low"
            )
            where = "only in memory" if memory else f"from {process.executable}, {place or 'which is gone'}"
            yield self.finding(
                ("host", fact.name),
                f"process {process.pid} of {process.account} runs {where}: {shown(' '.join(process.arguments))}",
                severity=severity,
                event_ids=(process.id,),
            )
        fact.have("processes")
