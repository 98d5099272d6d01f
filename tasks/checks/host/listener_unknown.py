"""`checks.host.listener_unknown`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._signs import base, hidden_place, shown
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding, Severity

_PASS_ON: Final = frozenset(
    {"nc", "ncat", "netcat", "socat", "chisel", "gost", "frpc", "frps", "iodine", "dnscat", "ligolo", "pwncat"}
)
_LOCAL: Final = re.compile(r"127\.|\[::1\]|\[::ffff:127\.")
_ADMINISTRATORS: Final = ("/usr/local/", "/opt/", "/srv/", "/snap/", "/var/lib/snapd/", "/home/", "/var/lib/docker/")
"""Where administrators and people put their own programs."""


class ListenerUnknown(Check[SurveyedHost]):
    """A program that no package brought, or a tool that passes connections on, waits for connections.

    ATT&CK T1571, T1205.
    """

    name = "checks.host.listener_unknown"
    title = "A program waits for connections that should not"
    severity = "high"
    attack = ("T1571",)
    remedy = "Look at what it is and who put it there; if nobody did, run compromised_host for this host."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:
        survey = fact.have("owners")
        processes = {process.pid: process for process in survey.processes}
        for one in survey.connections:
            if one.state not in ("LISTEN", "UNCONN") or (one.state == "UNCONN" and not one.protocol.startswith("udp")):
                continue
            for pid in one.pids:
                process = processes.get(pid)
                if process is None or not process.executable:
                    continue
                place, name = hidden_place(process.executable), base(process.executable)
                passes_on = name.split(".")[0] in _PASS_ON and process.account != "nobody"
                severity: Severity | None = "critical" if place else "high" if passes_on else None
                if severity is None and survey.owner(process.executable) is None and look.new(process.started_at):
                    severity = "low" if _LOCAL.match(one.local) else "medium"
                    if process.executable.startswith(_ADMINISTRATORS):
                        continue
                if severity is not None:
                    yield self.finding(
                        ("host", fact.name),
                        f"{process.executable} (process {pid} of {process.account}) waits at {one.protocol} {one.local}"
                        + (f", started {place}" if place else ""),
                        severity=severity,
                        event_ids=(process.id,),
                        arguments=shown(" ".join(process.arguments)),
                    )
        fact.have("connections", "processes")
