"""`checks.host.library_preloaded`"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tasks.checks.host._placed import PlacedCheck, shipped
from tasks.checks.host._signs import commands, hidden_place, shown
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding


class LibraryPreloaded(PlacedCheck):
    """A library that no package brought is loaded into every program.

    ATT&CK T1574.006; ld.so(8): /etc/ld.so.preload, LD_PRELOAD in what all read, and folders of libraries that everybody may write to.
    """

    name = "checks.host.library_preloaded"
    title = "A library is loaded into every program"
    severity = "critical"
    attack = ("T1574.006",)
    remedy = (
        "Keep a copy of the library, and run compromised_host for this host: what its programs say cannot be believed."
    )
    areas = ("preload", "profile", "unit")

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:  # the contract's
        if shipped(survey, file):
            return
        for line in commands(file.content or ""):
            for library in self._loaded(file, line):
                if survey.owner(library) is None:
                    yield self.placed(host, file, f"{file.path} has {library} loaded, which belongs to no package")
            place = hidden_place(line.strip() + "/") if file.area == "preload" and "ld.so.conf" in file.path else None
            if place is not None:
                yield self.placed(host, file, f"{file.path} has libraries looked for in {shown(line)}")

    @staticmethod
    def _loaded(file: PlacedFile, line: str) -> list[str]:
        if file.path == "/etc/ld.so.preload":
            return [one for one in re.split(r"[\s:]+", line.partition("#")[0]) if one.startswith("/")]
        if file.area == "preload":
            return []
        found = re.search(r"\bLD_PRELOAD=[\"']?([^\s\"';]+)", line)
        return [one for one in re.split(r"[:\s]", found[1]) if one.startswith("/")] if found is not None else []
