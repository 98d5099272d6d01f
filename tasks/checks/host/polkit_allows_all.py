"""`checks.host.polkit_allows_all`"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tasks.checks.host._placed import PlacedCheck, shipped
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding


class PolkitAllowsAll(PlacedCheck):
    """polkit allows everybody everything, or to run programs as root.

    ATT&CK T1548; polkit(8). A rule of a package names actions and subjects.
    """

    name = "checks.host.polkit_allows_all"
    title = "polkit allows too much"
    severity = "critical"
    attack = ("T1548",)
    remedy = "Take the rule away, and look at what was done with it."
    areas = ("polkit",)

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:  # the contract's
        if shipped(survey, file):
            return
        content = re.sub(r"/\*.{0,2000}?\*/|//[^\n]*", " ", file.content or "", flags=re.DOTALL)
        for rule in re.split(r"\baddRule\b", content)[1:]:
            if not re.search(r"polkit\.Result\.YES|[\"']yes[\"']", rule):
                continue
            if not re.search(r"\baction\.(?:id|lookup)\b", rule):
                whom = "a subject" if re.search(r"\bsubject\.", rule) else "everybody"
                yield self.placed(
                    host, file, f"{file.path} allows {whom} every action", None if whom == "everybody" else "high"
                )
            elif "org.freedesktop.policykit.exec" in rule and not re.search(r"action\.lookup\(.program", rule):
                yield self.placed(host, file, f"{file.path} allows to run any program as root")
        if file.path.endswith((".pkla", ".conf")):
            for section in re.split(r"^\[", file.content or "", flags=re.MULTILINE)[1:]:
                if re.search(r"^\s*Action\s*=\s*(?:\S*;)*\*", section, re.MULTILINE) and re.search(
                    r"^\s*Result(?:Any|Active|Inactive)\s*=\s*yes", section, re.MULTILINE
                ):
                    yield self.placed(host, file, f"{file.path} allows every action")
