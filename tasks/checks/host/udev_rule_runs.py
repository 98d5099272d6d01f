"""`checks.host.udev_rule_runs`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tasks.checks.host._placed import ADMINISTRATORS, PlacedCheck, shipped
from tasks.checks.host._signs import SHELLS, base, commands, shown, sign_of_command
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding

_RUN: Final = re.compile(
    r"\b(?:RUN(?:\{program\})?\s*\+?:?=|PROGRAM\s*=+|IMPORT\{program\}\s*=+)\s*e?\"((?:[^\"\\]|\\.)*)\""
)


class UdevRuleRuns(PlacedCheck):
    """A rule of udev starts a program that no package brought.

    ATT&CK T1546.017; udev(7), ``RUN``, ``PROGRAM`` and ``IMPORT{program}``. What belongs to packages may be started by rules that administrators wrote.
    """

    name = "checks.host.udev_rule_runs"
    title = "A udev rule starts a program"
    severity = "high"
    attack = ("T1546.017",)
    remedy = "Look at what it starts and who put it there; if nobody did, run compromised_host for this host."
    areas = ("udev",)

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:  # the contract's
        if shipped(survey, file):
            return
        for line in commands(file.content or ""):
            for command in _RUN.findall(line):
                sign = sign_of_command(command) or sign_of_command(f"RUN={command}")
                program = command.split()[0] if command.split() else ""
                path = program if program.startswith("/") else f"/usr/lib/udev/{program}"
                if sign is not None or (base(path) in SHELLS and " -c" in command):
                    yield self.placed(
                        host, file, f"{file.path} {sign or 'starts a shell'}: {shown(command)}", "critical"
                    )
                elif survey.owner(path) is None:
                    yield self.placed(
                        host,
                        file,
                        f"{file.path} starts {shown(command)}, which belongs to no package",
                        "medium" if path.startswith(ADMINISTRATORS) else None,
                    )
