"""`checks.host.suid_unowned`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._signs import base, hidden_place
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding, Severity

_GIVES_A_SHELL: Final = frozenset(
    {
        "sh", "bash", "dash", "zsh", "ksh", "busybox", "python3", "perl", "ruby", "lua", "node", "php", "vi", "vim", "vim.basic", "nano", "find", "awk",
        "gawk", "mawk", "less", "more", "cp", "mv", "dd", "env", "tar", "tee", "sed", "nmap", "socat", "gdb", "docker", "systemctl", "cat", "install",
    }
)  # fmt: skip
"""No distribution lets these run as their owner."""


class SuidUnowned(Check[SurveyedHost]):
    """A program that runs as its owner belongs to no package, or is one that gives a shell.

    ATT&CK T1548.001.
    """

    name = "checks.host.suid_unowned"
    title = "A program gives root's rights away"
    severity = "critical"
    attack = ("T1548.001",)
    remedy = "Look at what it is and who put it there; if nobody did, run compromised_host for this host."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:
        survey = fact.have("owners")
        for file in survey.privileged:
            if file.kind == "capabilities":
                continue
            owner = survey.owner(file.path)
            if owner is not None and (base(file.path) not in _GIVES_A_SHELL or file.kind == "sgid"):
                continue
            severity: Severity = "critical"
            if owner is None and hidden_place(file.path) is None:
                severity = (
                    "critical" if file.uid == 0 and file.kind == "suid" and look.new(file.changed_at) else "medium"
                )
            if file.kind == "sgid" or (file.uid != 0 and owner is None):
                severity = "medium"
            whose = f"of the package {owner}" if owner else "of no package"
            yield self.finding(
                ("host", fact.name),
                f"{file.path}, {whose}, runs as its {'owner' if file.kind == 'suid' else 'group'} (uid {file.uid})",
                severity=severity,
                event_ids=(file.path,),
                path=file.path,
            )
        fact.have("privileged")
