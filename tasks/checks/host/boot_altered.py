"""`checks.host.boot_altered`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from tasks.checks._collect.hosts import SurveyedHost
from tasks.checks.host._placed import PlacedCheck, age, shipped
from tasks.checks.host._signs import base, commands, shown, sign
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding

_HARMLESS: Final = re.compile(r"/(?:usr/)?s?bin/(?:true|false|modprobe)\b")
"""What such a line starts so that a module is not loaded, or loaded with others."""
_LINES: Final = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        (
            "starts something else than the system",
            r"(?:^|\s)init=(?!/(?:usr/)?(?:lib/systemd/systemd|s?bin/init)(?:\s|$))\S+",
        ),
        ("stops before the system starts", r"(?:^|\s)rd\.break\b"),
        ("has modules loaded that nobody signed", r"(?:^|\s)module\.sig_enforce=0\b"),
        ("runs a program out of the initial RAM disk first", r"(?:^|\s)rdinit=/(?:tmp|dev|var)/\S+"),
    )
)


class BootAltered(PlacedCheck):
    """The host starts in a way that no distribution sets up: its kernel's line, what lies in the boot loader and in what makes the initial RAM disk.

    ATT&CK T1542; kernel-parameters.txt, grub-mkconfig(8), initramfs-tools(7), dracut(8).
    """

    name = "checks.host.boot_altered"
    title = "How the host starts was altered"
    severity = "high"
    attack = ("T1542",)
    remedy = "Compare with a host that was set up alike; make the initial RAM disk anew from sound packages."
    areas = ("boot", "modules")

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:
        yield from super().evaluate(fact, look)
        survey = fact.have("boot")
        for line in survey.boot_line.splitlines():
            for what, pattern in _LINES:
                found = pattern.search(line)
                if found is not None:
                    yield self.finding(
                        ("host", fact.name),
                        f"the kernel's line {what}: {found[0].strip()}",
                        event_ids=(found[0].strip(),),
                    )
        changed = survey.packages_changed_at
        for file in survey.boot:
            late = changed is not None and file.changed_at > changed + timedelta(minutes=30)
            if late and look.new(file.changed_at) and base(file.path).startswith("initr"):
                # Administrators make it anew as well; an intruder has to.
                yield self.finding(
                    ("host", fact.name),
                    f"{file.path} was made {file.changed_at:%Y-%m-%d %H:%M}, after packages changed last ({changed:%Y-%m-%d %H:%M})",
                    severity="low",
                    event_ids=(file.path,),
                )

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:
        if shipped(survey, file):
            return
        found = sign(file.content or "")
        if found is not None:
            yield self.placed(host, file, f"{file.path} {found[0]}: {found[1]}", "critical")
            return
        for line in commands(file.content or ""):
            started = re.match(r"\s*install\s+\S+\s+(.*)", line) if "modprobe.d/" in file.path else None
            if started is not None and not _HARMLESS.match(started[1]) and survey.owner(file.path) is None:
                yield self.placed(
                    host, file, f"{file.path} starts {shown(started[1])} when a module is wanted", "medium"
                )
            inserted = re.search(r"\b(?:insmod|modprobe)\s+(/\S+)", line)
            if inserted is not None and survey.owner(inserted[1]) is None:
                yield self.placed(host, file, f"{file.path} loads {inserted[1]}", "high")
        script = (
            "/grub.d/" in file.path
            or "/initramfs-tools/" in file.path
            or "/dracut/modules.d/" in file.path
            or "/kernel/" in file.path
        )
        if script and file.mode & 0o111 and survey.owner(file.path) is None:
            yield self.placed(
                host, file, f"{file.path}, by which the boot files are made, belongs to no package", age(file, look)
            )
