"""`checks.host.unit_starts_unpackaged`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tasks.checks.host._placed import PlacedCheck, shipped
from tasks.checks.host._signs import base
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding

_EXEC: Final = re.compile(r"^\s*Exec\w+\s*=\s*[-@:+!|]*(/[^\s;\"']+)", re.MULTILINE)
_LIKE_THEIRS: Final = re.compile(
    r"(?:systemd|dbus|udev|kworker|kthread|ssh|cron|syslog|rsyslog|network|polkit|udisk|[am]?getty|init|auditd)"
)
_PACKAGES_ONLY: Final = (
    "/usr/bin/",
    "/usr/sbin/",
    "/usr/lib/",
    "/bin/",
    "/sbin/",
    "/lib/",
    "/usr/libexec/",
    "/var/lib/",
    "/etc/",
)
"""Administrators put their programs into /usr/local, /opt and /srv (Filesystem Hierarchy Standard)."""


class UnitStartsUnpackaged(PlacedCheck):
    """systemd starts, as root, a program that lies where nothing of a package's or an administrator's does.

    ATT&CK T1543.002, T1036.005: a copy of a program beside the real ones, with a name like theirs.
    """

    name = "checks.host.unit_starts_unpackaged"
    title = "A unit starts a program beside those of packages"
    severity = "high"
    attack = ("T1543.002", "T1036.005")
    remedy = "Look at what it starts and who put it there; if nobody did, run compromised_host for this host."
    areas = ("unit",)

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:
        if shipped(survey, file) or survey.owner(file.path) is not None:
            return
        for program in _EXEC.findall(file.content or ""):
            if program.startswith(_PACKAGES_ONLY) and survey.owner(program) is None and look.new(file.changed_at):
                alike = _LIKE_THEIRS.match(base(program)) is not None
                yield self.placed(
                    host,
                    file,
                    f"{file.path} starts {program}, which lies among programs of packages and belongs to none",
                    "high" if alike else "medium",
                )
