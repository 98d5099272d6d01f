"""`checks.host.at_job_pending`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks.host._placed import PlacedCheck
from tasks.checks.host._signs import base, commands, shown, sign
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding


class AtJobPending(PlacedCheck):
    """A job of at(1) waits to be run.

    ATT&CK T1053.002. Packages leave none; administrators seldom do.
    """

    name = "checks.host.at_job_pending"
    title = "A job of at waits"
    severity = "medium"
    attack = ("T1053.002",)
    remedy = "Ask whose job it is (atq, at -c); remove it if nobody knows."
    areas = ("at",)

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:  # the contract's
        if base(file.path).startswith(".") or survey.owner(file.path) is not None or "/atspool/" in file.path:
            return
        found = sign(file.content or "")
        if found is not None:
            yield self.placed(host, file, f"the job {file.path} {found[0]}: {found[1]}", "critical")
        else:
            last = commands(file.content or "")[-1:]
            yield self.placed(
                host, file, f"the job {file.path} waits: {shown(last[0]) if last else 'its content was not read'}"
            )
