"""`checks.host.program_in_temporary_folder`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._signs import SHELLS, TEMPORARY, base, hidden_place, shown
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding, Severity

_INTERPRETERS: Final = SHELLS | {"python", "perl", "ruby", "php", "node", "java", "lua"}
_BY_DESIGN: Final = re.compile(
    r"/tmp/\.mount_[\w.-]+/|/var/lib/(?:docker|containerd|containers)/"  # noqa: S108  # AppImage's mounts, not used by us
)


class ProgramInTemporaryFolder(Check[SurveyedHost]):
    """A program runs out of a folder that everybody may write to, or a hidden one.

    ATT&CK T1059.004, T1564.001. Programs that unpack themselves for a moment (AppImage) and configuration tools do so by design.
    """

    name = "checks.host.program_in_temporary_folder"
    title = "A program runs out of a temporary folder"
    severity = "high"
    attack = ("T1059.004", "T1564.001")
    remedy = "Keep its image (host.collect_process), look at its connections, then run compromised_host for this host."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:  # the contract's
        survey = fact.seen()
        for process in survey.processes:
            if _BY_DESIGN.match(process.executable):
                continue
            place = hidden_place(process.executable)
            what = process.executable
            severity: Severity = "high"
            if place is None and base(process.executable).rstrip("0123456789.") in _INTERPRETERS:
                script = next((one for one in process.arguments[1:3] if one.startswith(TEMPORARY)), "")
                place, what = (
                    (hidden_place(script), script) if script and not _BY_DESIGN.match(script) else (None, what)
                )
                severity = "medium"
            if place is not None:
                yield self.finding(
                    ("host", fact.name),
                    f"process {process.pid} of {process.account} runs {what} {place}: {shown(' '.join(process.arguments))}",
                    severity=severity,
                    event_ids=(process.id,),
                )
        fact.have("processes")
