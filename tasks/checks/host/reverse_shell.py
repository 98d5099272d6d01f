"""`checks.host.reverse_shell`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._signs import SHELLS, base, shown, sign_of_words
from tenantry.capabilities import HostSurvey, Process
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding, Severity

_OPEN: Final = ("ESTAB", "SYN-SENT", "CLOSE-WAIT")


def survey_own(survey: HostSurvey) -> frozenset[int]:
    """Processes of the survey itself: the shell whose script it is."""
    return frozenset(process.pid for process in survey.processes if "IFS= read -r n" in " ".join(process.arguments))


class ReverseShell(Check[SurveyedHost]):
    """A shell, or an interpreter that was told to, holds a connection to somewhere else.

    ATT&CK T1059.004, T1071. A shell of sshd has its terminal from sshd, which holds the connection.
    """

    name = "checks.host.reverse_shell"
    title = "A shell is tied to a connection"
    severity = "critical"
    attack = ("T1059.004", "T1071")
    remedy = "Isolate the host, keep the process's image, then run compromised_host for it."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:  # the contract's
        survey = fact.seen()
        processes = {process.pid: process for process in survey.processes}
        told = set()
        for one in survey.connections:
            if not one.remote or one.remote.startswith("127.") or one.remote == "::1" or one.state not in _OPEN:
                continue
            for pid in one.pids:
                process = processes.get(pid)
                if process is None:
                    continue
                command = " ".join(process.arguments)
                name = base(process.executable).rstrip("0123456789.")
                if (name in SHELLS or sign_of_words(command)) and process.id not in told:
                    told.add(process.id)
                    yield self._one(
                        fact.name, process, f"holds a connection to {one.remote} port {one.remote_port}", "critical"
                    )
        for process in survey.processes:
            command = " ".join(process.arguments)
            found = sign_of_words(command)
            if found is not None and process.id not in told and process.pid not in survey_own(survey):
                yield self._one(fact.name, process, found, "high")
        fact.have("processes", "connections")

    def _one(self, host: str, process: Process, what: str, severity: Severity) -> Finding:
        return self.finding(
            ("host", host),
            f"process {process.pid} of {process.account} {what}: {shown(' '.join(process.arguments))}",
            severity=severity,
            event_ids=(process.id,),
            executable=process.executable,
        )
