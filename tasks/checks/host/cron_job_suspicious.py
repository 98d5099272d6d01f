"""`checks.host.cron_job_suspicious`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._signs import shown, sign, sign_of_command
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class CronJobSuspicious(Check[SurveyedHost]):
    """cron starts what no administrator writes.

    ATT&CK T1053.003; crontab(5).
    """

    name = "checks.host.cron_job_suspicious"
    title = "A cron job is an intruder's"
    severity = "critical"
    attack = ("T1053.003",)
    remedy = "Look at what it starts and who put it there; if nobody did, run compromised_host for this host."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:  # the contract's
        survey = fact.seen()
        for entry in survey.cron:
            found = sign_of_command(entry.command) if entry.enabled else None
            if found is not None:
                yield self.finding(
                    ("host", fact.name),
                    f"{entry.path} starts for {entry.account} at {entry.schedule} what {found}: {shown(entry.command)}",
                    event_ids=(entry.id,),
                    path=entry.path,
                    changed_at=entry.file_changed_at.isoformat(),
                )
        for file in survey.files:
            if file.area != "cron" or (survey.owner(file.path) is not None and file.path.startswith("/usr/")):
                continue
            if any(entry.path == file.path for entry in survey.cron):
                continue
            script = sign(file.content or "")
            if script is not None and file.mode & 0o111:
                yield self.finding(
                    ("host", fact.name),
                    f"the script {file.path} {script[0]}: {script[1]}",
                    event_ids=(file.path,),
                    path=file.path,
                )
        fact.have("files")
