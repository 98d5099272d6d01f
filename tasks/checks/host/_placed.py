"""What checks share that look at files in places from which a host starts something."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Final

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._signs import sign
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding, Severity, rank

__all__ = ["ADMINISTRATORS", "PlacedCheck", "StartedCheck", "age", "shipped"]

ADMINISTRATORS: Final = ("/usr/local/", "/opt/", "/srv/", "/home/")
"""Where administrators and people put their own programs (Filesystem Hierarchy Standard)."""


def age(file: PlacedFile, look: Look) -> Severity:
    """How much it matters that something lies there which no package brought: administrators put things there too, and what is new is looked
    at first."""
    return "medium" if look.new(file.changed_at) else "low"


class PlacedCheck(Check[SurveyedHost]):
    """Looks at the files of some places. ``areas`` are those of :class:`~tenantry.capabilities.host_survey.PlacedFile`."""

    collect = host_surveys
    areas: ClassVar[tuple[str, ...]]

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:
        survey = fact.have("owners")
        found = [
            one for file in survey.files if file.area in self.areas for one in self.judge(fact.name, survey, file, look)
        ]
        yield from sorted(found, key=lambda one: -rank(one.severity))  # of many on one host the gravest are shown
        fact.have("files")

    @abstractmethod
    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:
        """What is wrong with one file."""

    def placed(self, host: str, file: PlacedFile, summary: str, severity: Severity | None = None) -> Finding:
        """A finding about a file."""
        return self.finding(
            ("host", host),
            summary,
            severity=severity,
            event_ids=(file.path,),
            path=file.path,
            account=file.account,
            changed_at=file.changed_at.isoformat(),
        )


def shipped(survey: HostSurvey, file: PlacedFile) -> bool:
    """Whether a package's own content lies there: what it keeps under /usr, or a link to such. Settings under /etc are anybody's to change."""
    return (survey.owner(file.path) is not None and file.path.startswith(("/usr/", "/lib/"))) or (
        bool(file.target) and (survey.owner(file.target) is not None or file.target == "/dev/null")
    )


class StartedCheck(PlacedCheck):
    """A script or setting by which something is started: an intruder's by what it says, or looked at because no package brought it."""

    says: ClassVar[str]
    """What the place does, for the summary."""

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:
        if shipped(survey, file):
            return
        found = sign(file.content or "")
        if found is not None:
            yield self.placed(host, file, f"{file.path}, {self.says}, {found[0]}: {found[1]}", "critical")
        elif survey.owner(file.path) is None and self.matters(file):
            yield self.placed(host, file, f"{file.path}, {self.says}, belongs to no package", age(file, look))

    def matters(self, file: PlacedFile) -> bool:
        """Whether it counts that no package brought it: by default, where it can be run."""
        return bool(file.mode & 0o111) and not file.path.endswith(("/README", ".dpkg-old", ".dpkg-dist", "~"))
