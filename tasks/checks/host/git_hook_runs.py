"""`checks.host.git_hook_runs`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tasks.checks.host._placed import PlacedCheck
from tasks.checks.host._signs import commands, hidden_place, shown, sign, sign_of_command
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding

_STARTS: Final = re.compile(
    r"\s*(?P<name>pager|fsmonitor|sshcommand|hookspath|editor|askpass|helper|textconv|external|command|log|diff|show|gitproxy|\w+(?=\s*=\s*\"?!))"
    r"\s*=\s*(?P<what>.+)",
    re.IGNORECASE,
)
"""Settings whose value is a program, and aliases that are commands of a shell."""


class GitHookRuns(PlacedCheck):
    """git starts an intruder's program: a hook, a pager, another command that its settings name.

    ATT&CK T1546; git-config(1): core.pager, core.fsmonitor, core.sshCommand, core.hooksPath, alias. Hooks that only check what is committed are ordinary.
    """

    name = "checks.host.git_hook_runs"
    title = "git starts an intruder's program"
    severity = "high"
    attack = ("T1546",)
    remedy = "Look at the working copy's hooks and settings, and at who may write there."
    areas = ("git",)

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:  # the contract's
        if "/.git/hooks/" in file.path:
            found = sign(file.content or "")
            if found is not None:
                yield self.placed(host, file, f"the hook {file.path} {found[0]}: {found[1]}")
            return
        for line in commands(file.content or ""):
            setting = _STARTS.match(line)
            if setting is None:
                continue
            command = setting["what"].strip().strip('"')
            found_sign = sign_of_command(command.lstrip("!")) or (
                "starts a program out of a hidden place" if hidden_place(command) else None
            )
            if found_sign is not None:
                yield self.placed(host, file, f"{setting['name']} in {file.path} {found_sign}: {shown(command)}")
