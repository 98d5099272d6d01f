"""`checks.host.cron_job_unowned`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._signs import shown
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class CronJobUnowned(Check[SurveyedHost]):
    """cron starts something, since lately, that no package brought.

    ATT&CK T1053.003. Administrators write such jobs too, so only new ones for root are looked at, and they matter little by themselves.
    """

    name = "checks.host.cron_job_unowned"
    title = "A new cron job belongs to no package"
    severity = "medium"
    attack = ("T1053.003",)
    remedy = "Look at what it starts and who put it there; if nobody did, run compromised_host for this host."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:
        survey = fact.have("owners")
        for entry in survey.cron:
            if (
                entry.enabled
                and entry.account == "root"
                and survey.owner(entry.path) is None
                and look.new(entry.file_changed_at)
            ):
                yield self.finding(
                    ("host", fact.name),
                    f"{entry.path} starts at {entry.schedule}: {shown(entry.command)}",
                    at=entry.file_changed_at,
                    event_ids=(entry.id,),
                )
        for file in survey.files:
            script = file.area == "cron" and file.mode & 0o111 and file.path.startswith("/etc/cron.")
            if (
                script
                and survey.owner(file.path) is None
                and survey.owner(file.target) is None
                and look.new(file.changed_at)
            ):
                yield self.finding(
                    ("host", fact.name),
                    f"the script {file.path} is started by cron",
                    at=file.changed_at,
                    event_ids=(file.path,),
                )
        fact.have("files")
