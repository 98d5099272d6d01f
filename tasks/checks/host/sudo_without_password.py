"""`checks.host.sudo_without_password`"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from tasks.checks.host._placed import PlacedCheck
from tasks.checks.host._signs import base, commands
from tenantry.capabilities import HostAccount, HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding, Severity

_RULE: Final = re.compile(
    r"\s*(?:Defaults(?::(?P<other>\S+))?\s.*!authenticate|(?P<who>[^\s=,]+(?:\s*,\s*[^\s=,]+)*)\s+[^=]+=.*\bNOPASSWD\s*:(?P<what>.*))"
)
_FIRST_PERSON: Final = 1000
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
            if rule is None:
                continue
            everything = rule["what"] is None or re.search(r"(?:^|[\s,:])ALL\s*(?:,|$)", rule["what"]) is not None
            escapes = sorted({base(one) for one in re.findall(r"/[^\s,]+", rule["what"] or "")} & _ESCAPES)
            given = "any program" if everything else f"{', '.join(escapes)}, which start a shell" if escapes else ""
            for who in re.split(r"\s*,\s*", rule["who"] or rule["other"] or "ALL") if given else ():
                yield from self._given(host, file, who, given, people, survey, look)

    def _given(
        self,
        host: str,
        file: PlacedFile,
        who: str,
        given: str,
        people: Mapping[str, HostAccount],
        survey: HostSurvey,
        look: Look,
    ) -> Iterable[Finding]:
        person = people.get(who)
        of_the_image = file.path.endswith("/90-cloud-init-users") and person is not None and person.uid >= _FIRST_PERSON
        if who in (survey.responder_account, "root") or who.lower() in look.known.accounts or of_the_image:
            return
        service = who == "ALL" or (person is not None and 0 < person.uid < _FIRST_PERSON)
        severity: Severity = "critical" if service else "medium"  # of people it is what many administrators set
        yield self.placed(host, file, f"{file.path} lets {who} run {given} as root without a password", severity)
