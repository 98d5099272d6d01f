"""`checks.host.key_runs_command`"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._signs import shown, sign_of_command
from tenantry.capabilities import AuthorizedKey
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding, Severity


class KeyRunsCommand(Check[SurveyedHost]):
    """A key starts a program of its own choice, or changes the environment in which others start.

    ATT&CK T1098.004, T1546; sshd(8), ``command=`` and ``environment=``. Keys that belong here may do so: that is how backups and deployments are confined.
    """

    name = "checks.host.key_runs_command"
    title = "An SSH key starts a program"
    severity = "high"
    attack = ("T1098.004", "T1546")
    remedy = "Put the key into quarantine, and look at what it starts."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:
        survey = fact.seen()
        known = look.known.keys | {(survey.responder_key or "").removeprefix("SHA256:")}
        for key in survey.keys:
            if not key.enabled or not re.search(r"\b(command|environment)\s*=", key.options, re.IGNORECASE):
                continue
            belongs = key.fingerprint.removeprefix("SHA256:") in known
            preload = re.search(r'environment\s*=\s*"?(LD_|BASH_ENV|ENV=|PATH=)', key.options)
            for command in re.findall(r'command\s*=\s*"((?:[^"\\\\]|\\\\.)*)"', key.options, re.IGNORECASE) or [""]:
                sign = sign_of_command(command.replace('\\\\"', '"'))
                interactive = re.search(r"(?:^|/|\s)(?:ba|z|k|da)?sh\s+-i\b", command) is not None
                if sign or preload or interactive:
                    said = sign or ("changes how programs start" if preload else "opens a shell of its own")
                    yield self._one(fact.name, key, said, "critical")
                elif not belongs:
                    yield self._one(fact.name, key, f"starts {shown(command, 80)}", "medium")
        fact.have("keys")

    def _one(self, host: str, key: AuthorizedKey, what: str, severity: Severity) -> Finding:
        return self.finding(
            ("host", host),
            f"the key {key.fingerprint} of {key.account} in {key.path} {what}: {shown(key.options)}",
            severity=severity,
            event_ids=(key.id,),
        )
