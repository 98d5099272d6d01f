"""`checks.host.profile_fetches`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tasks.checks.host._placed import StartedCheck, shipped
from tasks.checks.host._signs import commands, shown
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding

_STANDS_IN: Final = re.compile(
    r"\balias\s+(sudo|su|ssh|passwd|doas)=(?![\"']?(?:/usr)?(?:/bin/)?\1(?:\s|[\"']|$))|^\s*(?:function\s+)?(sudo|su|passwd)\s*\(\)"
)
"""A password that is typed goes through it. An alias of a program to itself with options is ordinary."""


class ProfileFetches(StartedCheck):
    """What a shell reads at its start fetches, decodes or connects.

    ATT&CK T1546.004; bash(1), INVOCATION. What people put there otherwise is theirs.
    """

    name = "checks.host.profile_fetches"
    title = "A shell's start file is an intruder's"
    severity = "critical"
    attack = ("T1546.004",)
    remedy = "Look at what it starts and who put it there; if nobody did, run compromised_host for this host."
    areas = ("profile",)
    says = "read by a shell at its start"

    def matters(self, file: PlacedFile) -> bool:  # nobody's dotfiles belong to a package
        return False

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:
        yield from super().judge(host, survey, file, look)
        for line in commands(file.content or ""):
            found = _STANDS_IN.search(line)
            if found is not None and not shipped(survey, file):
                yield self.placed(
                    host, file, f"{file.path} puts something in the place of {found[1]}: {shown(line)}", "high"
                )
