"""`checks.host.pam_opened`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks.host._placed import PlacedCheck, shipped
from tasks.checks.host._signs import base, commands, hidden_place, shown
from tenantry.capabilities import HostSurvey
from tenantry.capabilities.host_survey import PlacedFile
from tenantry.sweep.check import Look
from tenantry.sweep.model import Finding

_RUN: Final = frozenset({"pam_exec.so", "pam_python.so", "pam_script.so"})
"""Modules that start what their line names."""


class PamOpened(PlacedCheck):
    """PAM starts a program, loads a module that no package brought, or lets everybody in.

    ATT&CK T1556.003; pam.d(5), pam_exec(8), pam_permit(8).
    """

    name = "checks.host.pam_opened"
    title = "PAM was opened"
    severity = "critical"
    attack = ("T1556.003",)
    remedy = "Compare /etc/pam.d with a sound host, and run compromised_host for this one: passwords that were typed are known to others."
    areas = ("pam", "pam_module")

    def judge(self, host: str, survey: HostSurvey, file: PlacedFile, look: Look) -> Iterable[Finding]:  # the contract's
        if file.area == "pam_module":
            if survey.owner(file.path) is None and survey.owner(file.target) is None:
                yield self.placed(host, file, f"the module {file.path} belongs to no package")
            return
        if shipped(survey, file):
            return
        for line in commands(file.content or ""):
            words = line.split()
            module = next((word for word in words if ".so" in word), "")
            if base(module) in _RUN:
                program = next((word for word in words[words.index(module) + 1 :] if word.startswith("/")), "")
                ours = bool(program) and survey.owner(program) is not None and "expose_authtok" not in words
                if not ours:
                    # A program that is told of sessions is how administrators have themselves told of sign-ins.
                    grave = (
                        words[0].lstrip("-") in ("auth", "password")
                        or "expose_authtok" in words
                        or hidden_place(program)
                    )
                    yield self.placed(
                        host,
                        file,
                        f"{file.path} has {module} start a program: {shown(line)}",
                        "critical" if grave else "medium",
                    )
            elif module.startswith("/") and survey.owner(module) is None:
                yield self.placed(host, file, f"{file.path} loads {module}, which belongs to no package")
            elif (
                base(module) == "pam_permit.so"
                and words[0].lstrip("-") == "auth"
                and words[1] in ("sufficient", "[success=done")
            ):
                yield self.placed(host, file, f"{file.path} lets everybody in: {shown(line)}")
