"""`checks.host.package_file_altered`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._placed import age
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class PackageFileAltered(Check[SurveyedHost]):
    """A program or library is not what its package installed.

    ATT&CK T1554; dpkg(1), --verify; rpm(8), -V. Of settings only scripts that are started are
    looked at: administrators change those too. Sums that lie on the host can be altered with the file: sound sums prove nothing.
    """

    name = "checks.host.package_file_altered"
    title = "A package's program was altered"
    severity = "critical"
    attack = ("T1554",)
    remedy = "Compare it with the package of the distribution's archive; run compromised_host for this host."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:
        survey = fact.seen()
        scripts = {file.path: file for file in survey.files if file.path.startswith("/etc/")}
        for file in survey.altered:
            setting = file.path.startswith("/etc/")
            script = scripts.get(file.path)
            yield self.finding(
                ("host", fact.name),
                f"{file.path} is not what {file.package or 'its package'} installed",
                severity=None if not setting else age(script, look) if script is not None else "low",
                event_ids=(file.path,),
                path=file.path,
                package=file.package,
            )
        fact.have("altered")
