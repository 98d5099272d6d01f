"""`checks.host.sudo_without_password`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tasks.checks.host._placed import PlacedCheck
from tasks.checks.host._signs import base, commands
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding, Severity

_RULE: Final = re.compile(r"\s*(?P<who>[^\s=,]+)\s.*=|\s*Defaults:(?P<other>\S+)\s")
_ESCAPES: Final = frozenset(
    {
        "sh", "bash", "dash", "zsh", "python", "python3", "perl", "ruby", "lua", "node", "php", "vi", "vim", "nano", "less", "more", "man", "find",
        "awk", "gawk", "tar", "zip", "rsync", "nmap", "env", "ftp", "gdb", "strace", "tee", "cp", "mv", "dd", "docker", "su", "ed", "sed", "chmod",
        "chown", "socat", "nc", "ncat", "git",
    }
)  # fmt: skip
"""Programs that give who runs them as root a shell, or any file."""


class SudoWithoutPassword(PlacedCheck):
    """sudo lets somebody be root without a password.

    ATT&CK T1548.003; sudoers(5). The responder's own rule, and that of a cloud image's first account (90-cloud-init-users), belong there, and so do
    rules for programs that give no shell.
    """

    name = "checks.host.sudo_without_password"
    title = "sudo asks somebody for no password"
    severity = "high"
    attack = ("T1548.003",)
    remedy = "Take the rule away, or name the programs that it is for."
    areas = ("sudoers",)

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:
        people = {account.id: account for account in survey.accounts}
        for line in commands(file.content or ""):
            rule = _RULE.match(line)
            if rule is None or not re.search(r"\bNOPASSWD\s*:|!authenticate", line):
                continue
            who = rule["who"]
            if who in (survey.responder_account, "Defaults") or who.lower() in look.known.accounts:
                continue
            if file.path.endswith("/90-cloud-init-users") and people.get(who) is not None and people[who].uid >= 1000:
                continue
            what = line.partition("NOPASSWD:")[2] if "NOPASSWD:" in line else line.partition("=")[2]
            all_of_it = re.search(r"(?:^|[\s,:])ALL\s*(?:,|$)", what) is not None
            escapes = sorted({base(one) for one in re.findall(r"/[^\s,]+", what)} & _ESCAPES)
            if not all_of_it and not escapes:
                continue
            service = who == "ALL" or (who in people and 0 < people[who].uid < 1000)
            severity: Severity = "critical" if service else "medium"  # of people it is what many administrators set
            given = "any program" if all_of_it else f"{', '.join(escapes)}, which start a shell"
            yield self.placed(host, file, f"{file.path} lets {who} run {given} as root without a password", severity)
